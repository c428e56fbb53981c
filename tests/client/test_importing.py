"""Importing: entries come out as they went in, in their order, each once, whatever the network and the notebook are like."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from tests.disks import fill
from tests.household import House
from tests.support.exports import Log, mixed_log, notes
from tests.support.golden import CLIENT_ID, NOTEBOOK_ID, OTHER_CLIENT_ID, WRITTEN_AT
from udpnote import Client
from udpnote.cli.commands.demo import LossyEndpoint
from udpnote.client.file_reader import Archive
from udpnote.client.import_session import Importer, Prepared, Renumbering
from udpnote.client.importing import CHARACTERS_MAX, Fate, Imported, import_into_file
from udpnote.errors import EntryRefused, NoSpace, NotebookInUse, ServerNotFound, StorageError
from udpnote.lan.interfaces import no_interfaces
from udpnote.model.entry import NO_PREDECESSOR, TEXT_BYTES_MAX, Restored, Status, StoredEntry
from udpnote.model.notebook import KnownNotebook
from udpnote.protocol.codec import decode, encode
from udpnote.protocol.messages import Ack, Append, Discover, Offer, PartAck, content_check
from udpnote.protocol.rediscovery import LookingForServer, ServerMoved
from udpnote.storage.notebook.notebook import Notebook

HOME = KnownNotebook(NOTEBOOK_ID, "家里", "192.0.2.7", 6683, 0)


def log_of(path: Path) -> list[StoredEntry]:
    with Archive(path) as archive:
        return list(archive.log())


def texts(entries: list[StoredEntry]) -> list[str]:
    return [stored.entry.text for stored in entries]


def import_log(client: Client, log: Log) -> list[Imported]:
    return list(client.import_entries(log.entries, revised=log.revised))


def fates(told: list[Imported]) -> list[Fate]:
    return [imported.fate for imported in told]


def take(importing: Iterator[Imported], told: list[Fate]) -> None:
    for imported in importing:
        told.append(imported.fate)  # noqa: PERF401 - what was told before an error counts


def import_file(path: Path, log: Log) -> list[Imported]:
    return list(import_into_file(str(path), log.entries, log.revised))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "imported.sqlite3"


# Into which numbers


def test_a_revision_is_prepared_when_the_number_of_what_it_revises_is_known() -> None:
    log = notes("one")
    note, revision = log.entries[0], log.revise(1, "two")
    renumbering = Renumbering(log.revised)
    assert renumbering.prepare(revision) is None
    assert renumbering.prepare(note) == Prepared(note.entry, Restored(note.stored_at, *NO_PREDECESSOR))
    assert renumbering.prepare(revision) is None, "nobody knows yet what it revises"
    renumbering.settle(note.entry, 42)
    after_note = Restored(revision.stored_at, note.entry.client_id, note.entry.sequence)
    assert renumbering.prepare(revision) == Prepared(revision.entry._replace(revises=42), after_note)


def test_a_revision_of_what_got_no_number_is_not_prepared() -> None:
    log = notes("one")
    revision = log.revise(1, "two")
    renumbering = Renumbering(log.revised)
    renumbering.prepare(log.entries[0])
    renumbering.settle(log.entries[0].entry, 0)
    assert renumbering.prepare(revision) is None


def test_of_two_exports_in_one_file_each_has_its_own_numbers() -> None:
    first, second = notes("one"), notes("another", client_id=OTHER_CLIENT_ID)
    revision = second.revise(1, "another one")
    renumbering = Renumbering({1})
    for log, number in ((first, 7), (second, 8)):
        renumbering.prepare(log.entries[0])
        if log is second:
            assert renumbering.prepare(revision) is None, "it would revise the first one's note"
        renumbering.settle(log.entries[0].entry, number)
    prepared = renumbering.prepare(revision)
    assert prepared is not None
    assert prepared.entry.revises == 8


# Without the network


def prepared(*texts: str) -> list[Prepared]:
    renumbering = Renumbering(())
    return [each for stored in notes(*texts).entries if (each := renumbering.prepare(stored)) is not None]


def test_a_silent_server_is_looked_for_and_the_import_goes_on_where_it_answers() -> None:
    importer = Importer(HOME, random=Random(4))
    importer.add(prepared("one"), 0.0)
    [(_, address)] = importer.datagrams_to_send()
    assert address == ("192.0.2.7", 6683)
    now, probes = 0.0, list[bytes]()
    while not probes:
        due = importer.next_timeout()
        assert due is not None
        now = max(now, due)
        importer.handle_timeout(now)
        probes = importer.probes_to_send()
    assert importer.events() == [LookingForServer()]
    importer.datagrams_to_send()
    probe = decode(probes[0])
    assert isinstance(probe, Discover)
    offer = Offer(probe.probe_id, NOTEBOOK_ID, "家里", 0, "0.1.0", 0)
    importer.receive_datagram(encode(offer), ("192.0.2.9", 7000), now + 0.01)
    assert importer.events() == [ServerMoved(("192.0.2.9", 7000))]
    [(data, address)] = importer.datagrams_to_send()
    assert address == ("192.0.2.9", 7000)
    append = decode(data)
    assert isinstance(append, Append)
    answer = PartAck(append.part.sequence, 0, append.attempt, Status.STORED, 5, content_check(append.part))
    importer.receive_datagram(encode(Ack(append.part.client_id, (answer,))), ("192.0.2.9", 7000), now + 0.02)
    assert not importer.outstanding
    assert importer.answered_at == now + 0.02
    assert importer.next_timeout() is None


# Through a server


def test_an_empty_notebook_becomes_the_one_that_was_exported(house: House) -> None:
    house.serve()
    log = mixed_log(400, seed=11)
    told = import_log(house.client(), log)
    assert [imported.old for imported in told] == log.entries
    assert set(fates(told)) == {Fate.NEW}
    assert [imported.number for imported in told] == [stored.number for stored in log.entries]
    assert log_of(house.notebook()) == log.entries


def test_importing_twice_adds_nothing(house: House) -> None:
    house.serve()
    log = mixed_log(200, seed=12)
    import_log(house.client(), log)
    told = import_log(house.client("other.sqlite3"), log)
    assert set(fates(told)) == {Fate.THERE_ALREADY}
    assert [imported.number for imported in told] == [stored.number for stored in log.entries]
    assert log_of(house.notebook()) == log.entries


def test_what_was_cut_short_is_gone_on_with_by_importing_again(house: House) -> None:
    house.serve()
    log = mixed_log(600, seed=13)
    client = house.client()
    importing = client.import_entries(log.entries, revised=log.revised)
    for _ in range(100):
        assert next(importing).fate is Fate.NEW
    del importing
    told = fates(import_log(client, log))
    there = told.count(Fate.THERE_ALREADY)
    assert 100 <= there < 600
    assert told == [Fate.THERE_ALREADY] * there + [Fate.NEW] * (600 - there)
    assert log_of(house.notebook()) == log.entries


def test_in_a_notebook_that_is_not_empty_revisions_are_of_the_right_notes(house: House) -> None:
    house.serve()
    client = house.client()
    for text in ("here", "before"):
        client.send(text)
    log = notes("first", "second", client_id=OTHER_CLIENT_ID)
    log.revise(2, "second, revised")
    log.revise(3, "second, revised again")
    log.delete(1)
    told = import_log(client, log)
    assert [imported.number for imported in told] == [3, 4, 5, 6, 7]
    assert [stored.entry.revises for stored in log_of(house.notebook())] == [0, 0, 0, 0, 4, 5, 3]
    with Archive(house.notebook()) as archive:
        assert texts(list(archive.entries())) == ["here", "before", "second, revised again"]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_numbers_come_out_in_the_order_of_the_file_though_datagrams_are_lost(house: House, tmp_path: Path, seed: int) -> None:
    server = house.serve()
    log = mixed_log(80, seed)
    endpoint = LossyEndpoint.client(list_interfaces=no_interfaces)
    outbox = str(tmp_path / "lossy.sqlite3")
    with Client(server=f"127.0.0.1:{server.port}", outbox=outbox, endpoint=endpoint, author="amy@pi", wait=30.0) as client:
        client.find(0.1)
        endpoint.lose(0.15, Random(seed))
        told = import_log(client, log)
    assert endpoint.lost > 10
    assert [imported.old for imported in told] == log.entries
    assert log_of(house.notebook()) == log.entries


def test_another_text_under_the_same_identity_stays_and_its_revisions_are_orphaned(house: House) -> None:
    house.serve()
    client = house.client()
    import_log(client, notes("one", "two"))
    log = notes("one", "TWO", "three")
    log.revise(2, "TWO, revised")
    told = import_log(client, log)
    assert fates(told) == [Fate.THERE_ALREADY, Fate.DIFFERENT, Fate.NEW, Fate.ORPHANED]
    assert [imported.number for imported in told] == [1, 0, 3, 0]
    assert house.texts() == ["one", "two", "three"]


def test_a_revision_of_nothing_is_told_at_its_place_and_at_once(house: House) -> None:
    house.serve()
    log = Log()
    log.revise(99, "of what?")
    log.note("one")
    log.delete(77)
    client = house.client(wait=60.0)
    started = time.monotonic()
    told = import_log(client, log)
    assert fates(told) == [Fate.ORPHANED, Fate.NEW, Fate.ORPHANED]
    assert time.monotonic() - started < 10, "it waited for the answer to what it had not sent"
    assert house.texts() == ["one"]


def test_what_is_in_the_file_twice_is_imported_once(house: House, path: Path) -> None:
    house.serve()
    log = notes("one", "two")
    log.revise(1, "one, revised")
    one_by_one = [stored for stored in log.entries for _ in range(2)]
    for twice, new in (
        (log.entries * 2, [Fate.NEW] * 3 + [Fate.THERE_ALREADY] * 3),
        (one_by_one, [Fate.NEW, Fate.THERE_ALREADY] * 3),
    ):
        mark = bytes([len(house.texts())])
        olds = [stored._replace(entry=stored.entry._replace(client_id=stored.entry.client_id[:15] + mark)) for stored in twice]
        assert fates(list(house.client().import_entries(olds, revised=log.revised))) == new
        assert fates(list(import_into_file(str(path), olds, log.revised))) == new
    assert house.texts() == ["one", "two", "one, revised"] * 2
    assert texts(log_of(path)) == house.texts()


def test_two_exports_in_one_file_keep_their_revisions_apart(house: House) -> None:
    house.serve()
    first, second = notes("one"), notes("another", client_id=OTHER_CLIENT_ID)
    first.revise(1, "one, revised", client_id=CLIENT_ID)
    second.revise(1, "another, revised")
    told = list(house.client().import_entries([*first.entries, *second.entries], revised={1}))
    assert fates(told) == [Fate.NEW] * 4
    with Archive(house.notebook()) as archive:
        assert texts(list(archive.entries())) == ["one, revised", "another, revised"]


def test_long_entries_are_not_read_ahead_into_memory(house: House) -> None:
    house.serve()
    read = 0

    def long_entries() -> Iterator[StoredEntry]:
        nonlocal read
        for stored in notes(*[f"{number} {'x' * (TEXT_BYTES_MAX // 2)}" for number in range(16)]).entries:
            read += 1
            yield stored

    ahead = [read - told for told, _ in enumerate(house.client().import_entries(long_entries()), 1)]
    assert len(ahead) == 16
    assert max(ahead) <= 2 * CHARACTERS_MAX / TEXT_BYTES_MAX + 1


def test_an_entry_that_the_notebook_refuses_ends_the_import_there(house: House) -> None:
    house.refuse("bad")
    house.serve()
    told: list[Fate] = []
    with pytest.raises(EntryRefused, match="#3 of the file"):
        take(house.client().import_entries(notes("one", "two", "bad", "four").entries), told)
    assert told == [Fate.NEW, Fate.NEW]
    assert house.texts() == ["one", "two"]


def test_a_server_that_falls_silent_is_told_with_the_way_to_go_on(house: House) -> None:
    server = house.serve()
    client = house.client(wait=0.5)
    log = notes(*map(str, range(3000)))
    importing = client.import_entries(log.entries)
    next(importing)
    server.stop()
    with pytest.raises(ServerNotFound, match="the same file again"):
        list(importing)


# Into a file


def test_a_file_that_is_not_there_is_made_and_becomes_what_was_exported(path: Path) -> None:
    log = mixed_log(2500, seed=14)
    told = import_file(path, log)
    assert [imported.old for imported in told] == log.entries
    assert set(fates(told)) == {Fate.NEW}
    assert log_of(path) == log.entries
    with Archive(path) as archive:
        assert archive.name
    assert set(fates(import_file(path, log))) == {Fate.THERE_ALREADY}
    assert log_of(path) == log.entries


def test_a_file_takes_in_its_stride_what_a_server_does(path: Path) -> None:
    import_file(path, notes("one", "two"))
    log = notes("one", "TWO", "three")
    log.revise(2, "TWO, revised")
    log.revise(3, "three, revised")
    log.revise(99, "of what?")
    told = list(import_into_file(str(path), [*log.entries, *log.entries[:3]], log.revised))
    assert fates(told) == [
        Fate.THERE_ALREADY, Fate.DIFFERENT, Fate.NEW, Fate.ORPHANED, Fate.NEW, Fate.ORPHANED,
        Fate.THERE_ALREADY, Fate.DIFFERENT, Fate.THERE_ALREADY,
    ]  # fmt: skip
    with Archive(path) as archive:
        assert texts(list(archive.entries())) == ["one", "two", "three, revised"]


def test_an_entry_without_a_time_of_storing_is_stored_now(path: Path) -> None:
    [stored] = notes("one").entries
    import_into = list(import_into_file(str(path), [stored._replace(stored_at=0)], ()))
    assert fates(import_into) == [Fate.NEW]
    [kept] = log_of(path)
    assert kept.entry == stored.entry
    assert abs(kept.stored_at / 1e6 - time.time()) < 60
    assert kept.entry.written_at == WRITTEN_AT + 60_000_000


def test_a_file_that_a_server_has_is_refused_with_the_way_out(house: House) -> None:
    house.serve()
    with pytest.raises(NotebookInUse, match="import through that, without --notebook"):
        import_file(house.notebook(), notes("one"))


def test_something_else_than_a_notebook_is_refused_untouched(path: Path) -> None:
    path.write_text("Dear diary\n")
    with pytest.raises(StorageError, match="not a udpnote notebook"):
        import_file(path, notes("one"))
    assert path.read_text() == "Dear diary\n"


def test_what_the_file_refuses_ends_the_import_there_and_frees_the_file(path: Path) -> None:
    Notebook(path).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "CREATE TRIGGER refusing BEFORE INSERT ON entries WHEN NEW.text = 'bad' BEGIN SELECT RAISE(ABORT, 'refused'); END"
        )
    importing = import_into_file(str(path), notes("one", "bad", "three").entries, ())
    assert next(importing).fate is Fate.NEW
    with pytest.raises(EntryRefused, match="#2 of the file"):
        next(importing)
    assert texts(log_of(path)) == ["one"]
    Notebook(path).close()


def test_a_full_disk_ends_the_import_and_the_same_import_goes_on_when_there_is_space(small_disk: Path) -> None:
    path = small_disk / "notebook.sqlite3"
    log = notes(*[f"{number} {'x' * 90_000}" for number in range(150)])
    filler = fill_all_but(small_disk, 10 << 20)
    told: list[Fate] = []
    with pytest.raises(NoSpace, match="import the same file again"):
        take(import_into_file(str(path), log.entries, ()), told)
    filler.unlink()
    assert 0 < len(told) < 150
    again = fates(import_file(path, log))
    assert again == [Fate.THERE_ALREADY] * len(told) + [Fate.NEW] * (150 - len(told))
    assert log_of(path) == log.entries


def fill_all_but(disk: Path, size: int) -> Path:
    filler = fill(disk)
    with open(filler, "r+b") as file:
        file.truncate(filler.stat().st_size - size)
    return filler
