"""Builds entries as an export has them: notes of several clients, with their revisions and deletions."""

from collections import Counter
from random import Random

from tests.support.golden import CLIENT_ID, OTHER_CLIENT_ID, STORED_AT, WRITTEN_AT
from udpnote.model.entry import Entry, Kind, StoredEntry
from udpnote.text.jsonl import jsonl_line

MINUTE = 60_000_000
CHINESE = "我是一个中文"


class Log:
    """Entries with consecutive numbers from 1, as the log of one notebook has them."""

    def __init__(self) -> None:
        self.entries: list[StoredEntry] = []
        self._sequences: Counter[bytes] = Counter()

    def note(self, text: str = CHINESE, *, client_id: bytes = CLIENT_ID, author: str = "小明") -> StoredEntry:
        return self._append(Kind.NOTE, text, 0, client_id, author)

    def revise(self, number: int, text: str, *, client_id: bytes = OTHER_CLIENT_ID) -> StoredEntry:
        return self._append(Kind.REVISION, text, number, client_id, "ann@lab")

    def delete(self, number: int, *, client_id: bytes = OTHER_CLIENT_ID) -> StoredEntry:
        return self._append(Kind.DELETION, "", number, client_id, "ann@lab")

    @property
    def revised(self) -> set[int]:
        return {stored.entry.revises for stored in self.entries} - {0}

    @property
    def jsonl(self) -> str:
        return "".join(map(jsonl_line, self.entries))

    def _append(self, kind: Kind, text: str, revises: int, client_id: bytes, author: str) -> StoredEntry:
        number = len(self.entries) + 1
        self._sequences[client_id] += 1
        written_at = WRITTEN_AT + number * MINUTE
        entry = Entry(client_id, self._sequences[client_id], kind, written_at, 480, author, text, revises)
        self.entries.append(StoredEntry(number, STORED_AT + number * MINUTE + 7, entry, number))
        return self.entries[-1]


def notes(*texts: str, client_id: bytes = CLIENT_ID) -> Log:
    log = Log()
    for text in texts:
        log.note(text, client_id=client_id)
    return log


def mixed_log(count: int, seed: int) -> Log:
    """Make a log of `count` entries by several clients: notes, some of them long, and many revisions and deletions.

    Revisions and deletions also name other revisions and deletions.
    """
    random, log = Random(seed), Log()
    clients = [bytes([client]) * 16 for client in range(1, 5)]
    log.note("第一", client_id=clients[0])
    while len(log.entries) < count:
        client_id, chance = random.choice(clients), random.random()
        if chance < 0.7:
            text = f'第{len(log.entries)}条 "quoted"\t\\ \x00\x1b[2J \u2028\U0001f600\n\n' + random.choice(["", "长" * 3000])
            log.note(text, client_id=client_id, author=random.choice(["小明", 'a"b@pi']))
        elif chance < 0.9:
            log.revise(random.randint(1, len(log.entries)), f"revised {random.random()}", client_id=client_id)
        else:
            log.delete(random.randint(1, len(log.entries)), client_id=client_id)
    return log
