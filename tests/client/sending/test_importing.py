"""Importing: entries are stored unchanged, in their order and once, through a server and into a file."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from tests.support.disks import fill
from tests.support.errors import raises
from tests.support.exports import Log, mixed_log, notes
from tests.support.golden import CLIENT_ID, NOTEBOOK_ID, OTHER_CLIENT_ID
from tests.support.lan import CELLAR, Lan, SimulatedServer
from udpnote import Client
from udpnote.client.reading.file_reader import FileReader
from udpnote.client.sending.import_queue import CHARACTERS_MAX, Imported, ImportOutcome, Prepared
from udpnote.client.sending.importing import ImportSession, import_into_file
from udpnote.client.session import Peer
from udpnote.errors import EntryRefused, NoSpace, NotebookInUse, ServerNotFound, StorageError
from udpnote.machine.clock import wall_microseconds
from udpnote.model.entry import NO_PREDECESSOR, TEXT_BYTES_MAX, Restored, StoredEntry
from udpnote.model.notebook import KnownNotebook
from udpnote.protocol.codec.codec import decode
from udpnote.protocol.envelope import OPEN
from udpnote.protocol.messages import Append, Run
from udpnote.storage.notebook.notebook import Notebook

HOME = KnownNotebook(NOTEBOOK_ID, "家里", "192.0.2.7", 6683, 0)


def log_of(path: Path) -> list[StoredEntry]:
    with FileReader(path) as archive:
        return list(archive.log())


def latest_texts(path: Path) -> list[str]:
    with FileReader(path) as archive:
        return [stored.entry.text for stored in archive.entries(by_number=True)]


def import_log(client: Client, log: Log) -> list[Imported]:
    return list(client.import_entries(log.entries, revised=log.revised))


def import_file(path: Path, log: Log) -> list[Imported]:
    return list(import_into_file(str(path), log.entries, log.revised))


def outcomes(told: list[Imported]) -> list[ImportOutcome]:
    return [imported.outcome for imported in told]


def take(importing: Iterator[Imported], told: list[ImportOutcome]) -> None:
    """Append all outcomes to `told`, also those before an error."""
    for imported in importing:
        told.append(imported.outcome)  # noqa: PERF401 - a comprehension would lose those before an error


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "imported.sqlite3"


# Without the network


def test_a_session_that_has_taken_on_entries_does_not_wait_before_it_is_given_more() -> None:
    session = ImportSession(Peer(HOME, OPEN, Random(4), None))
    assert session.may_wait
    session.add([Prepared(stored.entry, Restored(1, *NO_PREDECESSOR)) for stored in notes("one").entries])
    session.prepare(0.0)
    assert (session.may_wait, session.outstanding) == (False, 1)
    session.prepare(0.1)
    assert session.may_wait


# Through a server


def test_an_empty_notebook_becomes_the_exported_one_though_the_import_is_cut_short_and_datagrams_lost(lan: Lan) -> None:
    lan.now += 864_000.0  # later than the exported notes were stored
    lan.serve()
    log = mixed_log(600, seed=13)
    client = lan.client(wait=60.0)
    client.last_number()
    lan.network.weather = lan.network.weather._replace(loss=0.15)
    importing = client.import_entries(log.entries, revised=log.revised)
    for _ in range(100):
        assert next(importing).outcome is ImportOutcome.NEW
    del importing
    told = import_log(client, log)
    there = outcomes(told).count(ImportOutcome.THERE_ALREADY)
    assert 100 <= there < 600
    assert outcomes(told) == [ImportOutcome.THERE_ALREADY] * there + [ImportOutcome.NEW] * (600 - there)
    again = import_log(lan.client(), log)
    assert set(outcomes(again)) == {ImportOutcome.THERE_ALREADY}
    for imported in (told, again):
        assert [(each.old, each.number) for each in imported] == [(stored, stored.number) for stored in log.entries]
    assert log_of(lan.notebook()) == log.entries


def test_short_notes_of_several_clients_are_imported_in_few_datagrams_the_second_time_too(lan: Lan) -> None:
    lan.serve()
    log = Log()
    for number in range(900):
        log.note(
            f"第{number}条", client_id=[CLIENT_ID, OTHER_CLIENT_ID][number % 7 % 2], author=["小明", "ann@lab"][number % 2]
        )
    for outcome in (ImportOutcome.NEW, ImportOutcome.THERE_ALREADY):
        assert set(outcomes(import_log(lan.client(), log))) == {outcome}
        assert sum(isinstance(decode(data), Append | Run) for data in lan.sent) < 900 / 20
        lan.sent.clear()


def test_in_a_notebook_that_is_not_empty_imported_revisions_revise_the_right_notes(lan: Lan) -> None:
    lan.serve()
    client = lan.client()
    for text in ("here", "before"):
        client.send(text)
    first, second = notes("one", "two"), notes("another", client_id=OTHER_CLIENT_ID)
    for number, text in ((2, "two, revised"), (3, "two, revised again")):
        first.revise(number, text, client_id=CLIENT_ID)
    first.delete(1, client_id=CLIENT_ID)
    second.revise(1, "another, revised")
    told = client.import_entries([*first.entries, *second.entries], revised=first.revised | second.revised)
    assert [imported.number for imported in told] == [3, 4, 5, 6, 7, 8, 9]
    assert [stored.entry.revises for stored in log_of(lan.notebook())] == [0, 0, 0, 0, 4, 5, 3, 0, 8]
    assert latest_texts(lan.notebook()) == ["here", "before", "two, revised again", "another, revised"]


def test_a_revision_with_the_identity_of_the_seen_entry_is_imported_alone(lan: Lan, path: Path) -> None:
    lan.serve()
    client = lan.client()
    for importing in (client.import_entries, lambda entries, *, revised: import_into_file(str(path), entries, revised)):
        log = notes("one", "two", "three")
        list(importing(log.entries, revised=set()))
        revision = log.revise(2, "TWO")
        seen = revision._replace(number=1, entry=revision.entry._replace(seen=log.entries[1].as_seen))
        for outcome in (ImportOutcome.NEW, ImportOutcome.THERE_ALREADY):
            assert [(told.outcome, told.number) for told in importing([seen], revised=set())] == [(outcome, 4)]
    assert latest_texts(lan.notebook()) == latest_texts(path) == ["one", "TWO", "three"]


def test_another_text_under_the_same_identity_stays_and_its_revisions_are_orphaned(lan: Lan, path: Path) -> None:
    lan.serve()
    client = lan.client()
    import_log(client, notes("one", "two"))
    import_file(path, notes("one", "two"))
    log = notes("one", "TWO", "three")
    for number, text in ((2, "TWO, revised"), (3, "three, revised"), (99, "of what?")):
        log.revise(number, text)
    for told in (import_log(client, log), import_file(path, log)):
        assert [(imported.outcome, imported.number) for imported in told] == [
            (ImportOutcome.THERE_ALREADY, 1), (ImportOutcome.DIFFERENT, 0), (ImportOutcome.NEW, 3),
            (ImportOutcome.ORPHANED, 0), (ImportOutcome.NEW, 4), (ImportOutcome.ORPHANED, 0),
        ]  # fmt: skip
    assert latest_texts(lan.notebook()) == latest_texts(path) == ["one", "two", "three, revised"]


def test_erased_entries_and_their_revisions_are_not_imported_again_and_the_rest_is(lan: Lan, path: Path) -> None:
    log = notes("one", "secret", "three")
    for number, text in ((2, "secret, revised"), (4, "again"), (3, "3")):
        log.revise(number, text)
    server = lan.serve()
    import_log(lan.client(), notes("one", "secret"))
    server.stop()
    lan.erase(2)
    shutil.copy(lan.notebook(), path)
    lan.serve()
    for last in (ImportOutcome.NEW, ImportOutcome.THERE_ALREADY):
        for told in (import_log(lan.client(), log), import_file(path, log)):
            assert outcomes(told) == [
                ImportOutcome.THERE_ALREADY, ImportOutcome.ERASED, last, ImportOutcome.ERASED, ImportOutcome.ERASED, last,
            ]  # fmt: skip
    assert latest_texts(lan.notebook()) == latest_texts(path) == ["one", "3"]


def test_an_entry_that_is_in_the_file_twice_is_imported_once(lan: Lan, path: Path) -> None:
    lan.serve()
    log = notes("one", "two")
    log.revise(1, "one, revised")
    one_by_one = [stored for stored in log.entries for _ in range(2)]
    for twice, new in (
        (log.entries * 2, [ImportOutcome.NEW] * 3 + [ImportOutcome.THERE_ALREADY] * 3),
        (one_by_one, [ImportOutcome.NEW, ImportOutcome.THERE_ALREADY] * 3),
    ):
        mark = bytes([len(lan.texts())])
        entries = [
            stored._replace(entry=stored.entry._replace(client_id=stored.entry.client_id[:15] + mark)) for stored in twice
        ]
        assert outcomes(list(lan.client().import_entries(entries, revised=log.revised))) == new
        assert outcomes(list(import_into_file(str(path), entries, log.revised))) == new
    assert lan.texts() == [stored.entry.text for stored in log_of(path)] == ["one", "two", "one, revised"] * 2


def test_something_else_than_an_entry_is_a_type_error(lan: Lan) -> None:
    lan.serve()
    with pytest.raises(TypeError, match="each of entries must be a StoredEntry"):
        list(lan.client().import_entries(["a text"]))  # type: ignore[list-item]


def test_long_entries_are_not_read_ahead_into_memory(lan: Lan) -> None:
    lan.serve()
    read = 0

    def long_entries() -> Iterator[StoredEntry]:
        nonlocal read
        for stored in notes(*[f"{number} {'x' * (TEXT_BYTES_MAX // 2)}" for number in range(12)]).entries:
            read += 1
            yield stored

    ahead = [read - told for told, _ in enumerate(lan.client().import_entries(long_entries()), 1)]
    assert len(ahead) == 12
    assert max(ahead) <= 2 * CHARACTERS_MAX / TEXT_BYTES_MAX + 1


@pytest.mark.parametrize("bad", ["bad", " \n"])
@pytest.mark.parametrize("is_file", [False, True], ids=["a server", "a file"])
def test_an_entry_that_the_notebook_refuses_ends_the_import_there_and_frees_the_file(lan: Lan, is_file: bool, bad: str) -> None:
    log, told = notes("one", "two", bad, "four"), list[ImportOutcome]()
    lan.refuse("bad")
    if is_file:
        importing = import_into_file(str(lan.notebook()), log.entries, ())
    else:
        lan.serve()
        importing = lan.client().import_entries(log.entries)
    with raises(EntryRefused, "import_refused", number=3):
        take(importing, told)
    assert (told, lan.texts()) == ([ImportOutcome.NEW, ImportOutcome.NEW], ["one", "two"])
    if is_file:
        Notebook(lan.notebook()).close()


def test_an_import_follows_its_server_that_has_moved_and_ends_if_it_is_silent_for_a_while(lan: Lan) -> None:
    lan.now += 864_000.0  # later than the exported notes were stored
    server = lan.serve()
    log = notes(*map(str, range(3000)))
    importing = lan.client(wait=17.0).import_entries(log.entries)
    next(importing)
    server.stop()
    moved: list[SimulatedServer] = []
    lan.after(10.0, lambda: moved.append(lan.serve(host=CELLAR)))
    for _ in range(1500):
        next(importing)
    moved[0].stop()
    silent_since = lan.now
    with raises(ServerNotFound, "no_answer_to_import"):
        list(importing)
    assert lan.now - silent_since == pytest.approx(17.5, abs=0.6)
    assert log_of(lan.notebook()) == log.entries[: len(lan.texts())]


# Into a file


def test_a_file_that_is_not_there_is_made_and_becomes_the_exported_one(path: Path) -> None:
    log = mixed_log(1500, seed=14)
    for outcome in (ImportOutcome.NEW, ImportOutcome.THERE_ALREADY):
        told = import_file(path, log)
        assert ([imported.old for imported in told], set(outcomes(told))) == (log.entries, {outcome})
        assert log_of(path) == log.entries
    with FileReader(path) as archive:
        assert archive.name


def test_an_entry_without_a_time_of_storing_is_stored_now(path: Path) -> None:
    [note] = notes("one").entries
    before = wall_microseconds()
    assert outcomes(list(import_into_file(str(path), [note._replace(stored_at=0)], ()))) == [ImportOutcome.NEW]
    [stored] = log_of(path)
    assert before <= stored.stored_at <= wall_microseconds()
    assert stored._replace(stored_at=0) == note._replace(stored_at=0)


def test_a_file_that_a_server_uses_or_that_is_no_notebook_is_refused(path: Path, tmp_path: Path) -> None:
    with closing(Notebook(path)), raises(NotebookInUse, "import_into_served_file", path=str(path)):
        import_file(path, notes("one"))
    (tmp_path / "diary").write_text("Dear diary\n")
    with pytest.raises(StorageError):
        import_file(tmp_path / "diary", notes("one"))
    assert (tmp_path / "diary").read_text() == "Dear diary\n"


def test_a_full_disk_ends_the_import_and_the_same_import_goes_on_when_there_is_space(small_disk: Path) -> None:
    path = small_disk / "notebook.sqlite3"
    log = notes(*[f"{number} {'x' * 90_000}" for number in range(150)])
    filler = fill(small_disk)
    with open(filler, "r+b") as file:
        file.truncate(filler.stat().st_size - (10 << 20))
    told: list[ImportOutcome] = []
    with raises(NoSpace, "no_space_to_import"):
        take(import_into_file(str(path), log.entries, ()), told)
    filler.unlink()
    assert 0 < len(told) < 150
    again = outcomes(import_file(path, log))
    assert again == [ImportOutcome.THERE_ALREADY] * len(told) + [ImportOutcome.NEW] * (150 - len(told))
    assert log_of(path) == log.entries
