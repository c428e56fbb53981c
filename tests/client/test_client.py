"""The client as a library: writing, choosing among notebooks, and the errors if no server answers."""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.disks import fill, make_unwritable, shorten
from tests.support.errors import raises
from tests.support.lan import CELLAR, KITCHEN, Lan
from tests.support.network import PORT, STARTED_AT
from tests.support.notebook_files import change
from tests.support.processes import few_files
from udpnote import Client
from udpnote.client.sending.results import State
from udpnote.errors import (
    EntryRefused,
    InvalidEntry,
    InvalidQuery,
    InvalidSetting,
    NoSpace,
    Notice,
    Queued,
    ServerNotFound,
    SeveralNotebooks,
    StorageError,
    TooManyOpenFiles,
)
from udpnote.model.entry import TEXT_BYTES_MAX, SeenEntry, Status
from udpnote.model.notebook import KnownNotebook

# Writing


def test_send_finds_the_notebook_and_returns_the_stored_entry_with_its_time(lan: Lan) -> None:
    client = lan.client(author="小明")
    assert list(client.find(timeout=0.3)) == []
    assert lan.now == pytest.approx(1000.3)
    assert [attempt.destination for attempt in client.probe_attempts] == ["192.0.2.255"]
    server = lan.serve("厨房")
    sent = client.send("今天开会")
    assert (sent.state, sent.number, sent.reason) == (State.STORED, 1, None)
    assert (sent.entry.text, sent.entry.author, sent.entry.sequence) == ("今天开会", "小明", 1)
    assert 0 <= sent.entry.written_at - (STARTED_AT + 1000) * 1_000_000 < 5_000_000
    assert (sent.entry.utc_offset, lan.texts("厨房")) == (480, ["今天开会"])
    [found] = client.find(timeout=0.3)
    assert (found.name, found.notebook_id, found.address) == ("厨房", server.notebook_id.hex(), KITCHEN)
    assert (found.port, found.entries, found.is_sealed, found.warning) == (PORT, 1, False, None)


def test_an_outbox_behind_a_symbolic_link_is_made_at_its_target_for_the_owner_only(lan: Lan) -> None:
    (lan.folder / "real").mkdir()
    (lan.folder / "link.sqlite3").symlink_to(lan.folder / "real" / "notes.sqlite3")
    lan.serve()
    assert lan.client("link.sqlite3").send("one").number == 1
    assert stat.S_IMODE((lan.folder / "real" / "notes.sqlite3").stat().st_mode) == 0o600


def test_an_invalid_text_author_or_wait_is_refused_before_anything_is_done(lan: Lan) -> None:
    client = lan.client()
    for text in ("", " \n", "\ud800", "x" * (TEXT_BYTES_MAX + 1)):
        with pytest.raises(InvalidEntry):
            client.send(text)
    for author in ("", "\ud800"):
        with pytest.raises(InvalidEntry):
            client.send("x", author=author)
    for wait in (-1, float("nan")):
        with raises(InvalidSetting, "invalid_wait"):
            client.send("text", wait=wait)
    assert (client.waiting_counts(), lan.sent) == ([], [])


WRONG_TYPES: list[Callable[[Any], object]] = [
    lambda c: c.send(b"bytes"), lambda c: c.send(None), lambda c: c.send("x", author=5), lambda c: c.send("x", author=b"amy"),
    lambda c: c.send("x", wait="5"), lambda c: c.send("x", wait=True), lambda c: c.deliver("5"), lambda c: next(c.find("1")),
    lambda c: c.revise(1.0, "x"), lambda c: c.revise("1", "x"), lambda c: c.revise(1, 5), lambda c: c.revise(1, "x", seen=1),
    lambda c: c.revise(1, "x", seen=SeenEntry(1.0, bytes(16), 1)), lambda c: c.revise(1, "x", seen=SeenEntry(1, "1", 1)),  # type: ignore[arg-type]
    lambda c: c.revise(1, "x", seen=SeenEntry(1, bytes(16), None)), lambda c: c.revise(1, "x", author=5),  # type: ignore[arg-type]
    lambda c: c.delete(True), lambda c: c.delete(None), lambda c: c.delete(1, wait="5"), lambda c: c.delete(1, seen=True),
    lambda c: c.send_many("abc"), lambda c: c.send_many(b"abc"), lambda c: c.send_many(5), lambda c: c.send_many([], wait="5"),
    lambda c: next(c.send_many([5])), lambda c: c.discard("1"), lambda c: c.discard([True]), lambda c: c.discard(1),
    lambda c: c.discard([], every_refused="no"), lambda c: next(c.waiting(first="1")), lambda c: next(c.waiting(latest=1.0)),
    lambda c: c.use(5), lambda c: c.join(5), lambda c: c.leave(5), lambda c: c.leave("kitchen", sends_open="no"),
    lambda c: c.move(5), lambda c: c.move("kitchen", sends_open="no"), lambda c: type(c)(port="6683"),
    lambda c: type(c)(port=True), lambda c: type(c)(wait="5"), lambda c: type(c)(wait=True), lambda c: type(c)(server=5),
    lambda c: type(c)(server=()), lambda c: type(c)(notebook=b"kitchen"), lambda c: type(c)(key=5),
    lambda c: type(c)(key_file=5), lambda c: type(c)(author=5), lambda c: type(c)(outbox=5),
    lambda c: type(c)(on_delivered="no"), lambda c: type(c)(on_notice=5), lambda c: type(c)(on_indexing=True),
    lambda c: c.undo(None), lambda c: c.round_trips("kitchen"), lambda c: c.is_own(None), lambda c: c.send_many([], written=5),
]  # fmt: skip


def test_a_value_of_a_wrong_type_is_a_type_error_before_anything_is_done_and_harms_nothing_later(lan: Lan) -> None:
    client = lan.client(wait=0.0)
    with pytest.raises(Queued):
        client.send("one")
    lan.sent.clear()
    for place, call in enumerate(WRONG_TYPES):
        with pytest.raises(TypeError, match=r"^[a-z_. ]+ must be an? "):
            call(client)
        assert ([each.entry.text for each in client.waiting()], lan.sent) == (["one"], []), f"WRONG_TYPES[{place}]"
    lan.serve()
    client.deliver(5.0)
    assert lan.client().revise(1, "two", seen=next(client.log()).as_seen).number == 2


@pytest.mark.usefixtures("own_settings")
def test_a_client_that_can_open_no_more_files_leaves_none_open(tmp_path: Path) -> None:
    outbox, errors = tmp_path / "outbox.sqlite3", list[Exception]()
    Client(outbox=outbox).close()
    before = sorted(os.listdir("/proc/self/fd"))
    for left in range(20):
        try:
            with few_files(left), Client(outbox=outbox):
                break
        except (StorageError, TooManyOpenFiles) as error:
            errors.append(error)  # its traceback has the client that was not made
        assert sorted(os.listdir("/proc/self/fd")) == before, left
    assert {type(error) for error in errors} == {StorageError, TooManyOpenFiles}


def test_an_erased_entry_that_is_sent_again_is_refused_for_good_and_so_is_a_change_of_an_erased_note(lan: Lan) -> None:
    with pytest.raises(Queued):
        lan.client(wait=0.0).send("secret")
    change(lan.folder / "outbox.sqlite3", f"VACUUM INTO '{lan.folder / 'copied.sqlite3'}'")
    server = lan.serve()
    lan.client().deliver()
    assert [lan.client().send("two").number, lan.client().revise(1, "secret, revised").number] == [2, 3]
    server.stop()
    lan.erase(3)
    copy = lan.client("copied.sqlite3", server=KITCHEN)
    with pytest.raises(Queued):
        copy.revise(1, "unseen", wait=0.0)
    lan.serve()
    copy.deliver()
    lan.client("copied.sqlite3").deliver()
    reasons = [notice.values["reason"] for notice in lan.notices if notice.kind == "queued_entry_refused"]
    assert sorted(reasons, key=repr) == [Notice("entry_erased", number=0), Notice("entry_erased", number=1)]
    assert "identity_taken" in [notice.kind for notice in lan.notices], "the copy has a new identity, but not the erased entry"
    assert copy.send("three").number == 4
    copy.deliver()
    with raises(EntryRefused, "entry_erased", number=1):
        copy.delete(1)
    assert {(each.entry.text, each.refused) for each in copy.waiting()} == {
        (text, Status.ERASED) for text in ("secret", "unseen", "")
    }
    lan.serve("cellar", host=CELLAR)
    assert (lan.client("copied.sqlite3").move("cellar").notes, lan.texts()) == (0, ["", "two", "", "three"])


@pytest.mark.parametrize(("deed", "server_named"), [("unseen", None), ("seen", None), ("deleted", None), ("unseen", KITCHEN)])
def test_a_waiting_change_of_a_note_that_a_restored_notebook_has_lost_is_refused_and_kept(
    lan: Lan, deed: str, server_named: str | None
) -> None:
    server, other = lan.serve(), lan.client("other.sqlite3")
    client = lan.client(server=server_named)
    client.send("one")
    copy = lan.back_up(server)
    server = lan.serve()
    client.send("two")
    [seen] = client.log(newest_first=True, limit=1)
    server.stop()
    with pytest.raises(Queued):
        client.revise(2, "new", seen=seen if deed == "seen" else None) if deed != "deleted" else client.delete(2)
    lan.restore(copy)
    server = lan.serve()
    assert other.send("somebody else's").number == 2
    lan.notices.clear()
    again = lan.client(server=server_named)
    assert [note.entry.text for note in again.entries()] == ["one", "somebody else's"]
    again.deliver()
    assert [(notice.kind, notice.values["reason"]) for notice in lan.notices] == [
        ("queued_entry_refused", Notice("older_copy", number=2))
    ]
    assert [each.refused for each in client.waiting()] == [Status.OLDER_COPY]
    assert lan.texts() == ["one", "somebody else's"]
    assert client.revise(1, "uno").number == 3, "what the user has seen in the older copy may be changed"


def test_a_waiting_change_of_an_entry_that_a_follower_showed_is_refused_if_a_restore_has_lost_it(lan: Lan) -> None:
    server, other, client = lan.serve(), lan.client("other.sqlite3"), lan.client()
    other.send("one")
    following = client.follow(last=1)
    assert next(following).number == 1
    other.send("two")
    assert next(following).number == 2
    copy = lan.back_up(server)
    server = lan.serve()
    other.send("three")
    assert next(following).number == 3
    server.stop()
    with pytest.raises(Queued):
        client.revise(3, "new")
    lan.restore(copy)
    lan.serve()
    other.send("somebody else's")
    client.deliver()
    assert lan.texts() == ["one", "two", "somebody else's"]


# Several notebooks


def test_a_client_keeps_the_first_notebook_that_it_found_although_another_client_chooses_anew(lan: Lan) -> None:
    lan.serve()
    client = lan.client()
    with raises(ServerNotFound, "name_or_id_not_found", name_or_id="attic"):
        client.use("attic")
    assert client.chosen() is None
    client.send("one")
    assert client.chosen() == client.notebook == lan.client().notebook
    lan.serve("cellar", CELLAR)
    assert lan.client().send("two").number == 2
    lan.client().use("cellar")
    assert client.name == "kitchen"
    assert client.revise(1, "in the kitchen, too").number == 3
    assert lan.texts("cellar") == []


def test_a_client_keeps_the_notebook_that_it_has_chosen_although_another_client_chooses_anew_at_once(lan: Lan) -> None:
    lan.serve()
    lan.serve("cellar", CELLAR)
    client = lan.client()
    client.use("kitchen")
    lan.client().use("cellar")
    client.send("for the kitchen")
    assert (lan.texts(), lan.texts("cellar")) == (["for the kitchen"], [])


@pytest.mark.parametrize("changes_by", ["use", "join"])
def test_after_use_or_join_a_client_sends_to_the_new_notebook(lan: Lan, changes_by: str) -> None:
    kitchen, cellar = lan.serve(), lan.serve("cellar", CELLAR, sealed=changes_by == "join")
    client = lan.client()
    client.use("kitchen")

    def texts() -> Iterator[str | None]:
        yield from ("one", None)
        while client.waiting_counts():
            yield None
        kitchen.stop()
        yield from ("under way", None)
        client.join(cellar.code) if changes_by == "join" else client.use("cellar")
        yield "for the cellar"

    sent = list(client.send_many(texts()))
    assert [each.state for each in sent] == [State.STORED, State.QUEUED, State.STORED]
    assert sent[1].reason == Notice("for_another_notebook")
    client.send("also for the cellar")
    assert (lan.texts(), lan.texts("cellar")) == (["one"], ["for the cellar", "also for the cellar"])
    assert [each.notebook_name for each in client.waiting()] == ["kitchen"]


def test_a_follower_without_an_answer_names_another_notebook_that_answers_under_the_same_name(lan: Lan) -> None:
    def interrupt(notice: Notice) -> None:
        if notice.kind == "another_notebook_answers":
            raise KeyboardInterrupt

    old, client = lan.serve("old", called="kitchen"), lan.client(on_notice=interrupt)
    client.use("kitchen")
    lan.after(9.0, old.stop)
    lan.after(9.5, lambda: lan.serve("new", called="kitchen"))
    with pytest.raises(KeyboardInterrupt):
        next(client.follow())


def test_the_notebook_that_another_command_chooses_during_a_discovery_gets_the_entry(lan: Lan) -> None:
    lan.serve("cellar", CELLAR)
    attic = KnownNotebook(bytes(16), "attic", KITCHEN, PORT, 0)
    lan.after(0.5, lambda: lan.outbox().remember(attic, may_choose=True))
    with pytest.raises(Queued):
        lan.client(wait=3.0).send("for the attic")
    assert lan.texts("cellar") == []


def test_of_several_notebooks_none_is_taken_until_one_is_chosen_or_named_for_one_command(lan: Lan) -> None:
    lan.serve()
    cellar = lan.serve("cellar", CELLAR)
    named = lan.client(server=CELLAR)
    assert named.send("for the cellar").number == 1
    assert named.chosen() is None
    client, other = lan.client(), lan.client("other")
    with raises(Queued, "several_notebooks"):
        client.send("for whom?")
    with pytest.raises(SeveralNotebooks):
        other.deliver()
    with pytest.raises(SeveralNotebooks):
        other.revise(1, "text")
    assert client.use("cellar").notebook_id == cellar.notebook_id
    assert lan.client().send("for the cellar, too").number in (2, 3)
    assert (lan.texts(), sorted(lan.texts("cellar"))) == ([], ["for the cellar", "for the cellar, too", "for whom?"])


# Revising where it is not known which notebook is meant


def test_a_change_by_a_client_that_knows_no_notebook_is_not_queued(lan: Lan) -> None:
    client = lan.client(wait=0.3)
    assert not client.is_notebook_decided
    with raises(ServerNotFound, "number_of_unknown_notebook", number=7):
        client.revise(7, "text")
    with raises(ServerNotFound, "number_of_unknown_notebook", number=7):
        client.delete(7)
    assert client.waiting_counts() == []


def test_a_change_by_a_client_that_knows_no_notebook_goes_to_the_only_one_that_answers(lan: Lan) -> None:
    lan.serve()
    lan.client("other.sqlite3").send("milk")
    assert lan.client().revise(1, "oat milk").number == 2


def test_a_change_of_a_missing_or_impossible_number_is_refused(lan: Lan) -> None:
    lan.serve()
    client = lan.client(wait=0.3)
    with raises(EntryRefused, "no_entry_to_change", number=42):
        client.revise(42, "text")
    with raises(EntryRefused, "no_entry_to_change", number=42):
        client.delete(42)
    for number, text, error in ((0, "text", InvalidQuery), (2**63, "text", InvalidQuery), (42, " ", InvalidEntry)):
        with pytest.raises(error):
            client.revise(number, text)


# Files and settings


@pytest.mark.usefixtures("own_settings")
def test_a_bad_setting_or_outbox_is_refused_before_any_file_or_socket_is_opened(tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    diary.write_text("Dear diary\n" * 100)
    options: list[dict[str, Any]] = [
        {"server": "[::1"}, {"server": ""}, {"port": 0}, {"port": 70000}, {"wait": -1}, {"wait": float("nan")}, {"author": ""},
        {"key": "answer_invalid"}, {"key_file": "/nowhere"}, {"outbox": str(diary)},
    ]  # fmt: skip
    for each in options:
        with pytest.raises((InvalidSetting, StorageError)):
            Client(**{"outbox": str(tmp_path / "o.sqlite3"), **each})
    assert [*tmp_path.iterdir()] == [diary]


@pytest.mark.parametrize("is_known", [True, False])
@pytest.mark.parametrize("trouble", ["full", "no inode", "read-only"])
def test_reading_goes_on_with_an_outbox_that_cannot_be_written_and_nothing_is_sent(
    lan: Lan, small_disk: Path, trouble: str, is_known: bool
) -> None:
    lan.serve()
    path = str(small_disk / "outbox.sqlite3")
    with lan.client(path if is_known else "other") as writer:
        writer.send("before")
    make_unwritable(small_disk, trouble)
    client = lan.client(path)
    assert [each.name for each in client.find()] == ["kitchen"]
    for _ in range(2):
        assert [each.entry.text for each in client.entries()] == ["before"]
    assert [each.kind for each in lan.notices] == ["not_remembered"]
    assert (client.chosen() is not None, client.waiting_counts()) == (is_known, [])
    lan.sent.clear()
    kind = {"full": "disk_full", "no inode": "no_inode", "read-only": "disk_read_only"}[trouble]
    with raises(StorageError, kind, path=path):
        client.send("after")
    assert lan.sent == []


@pytest.mark.parametrize("is_known", [True, False])
def test_an_outbox_opened_on_a_full_disk_is_written_as_soon_as_there_is_space(
    lan: Lan, small_disk: Path, is_known: bool
) -> None:
    lan.serve()
    path = str(small_disk / "outbox.sqlite3")
    if is_known:
        lan.client(path).close()
    filler = fill(small_disk)
    with lan.client(path) as client:
        for _ in range(2):
            with raises(NoSpace, "disk_full", path=path):
                client.send("too early")
        filler.unlink()
        assert [client.send(text).number for text in ("again", "and again")] == [1, 2]
        with lan.client(path) as other:
            assert (other.send("as well").number, other.chosen()) == (3, client.chosen())
        assert client.revise(1, "again, revised").number == 4


def test_a_disk_with_too_little_space_for_a_new_outbox_is_said_to_be_full_and_no_file_is_left(
    lan: Lan, small_disk: Path
) -> None:
    lan.serve()
    path, filler, refusals = small_disk / "outbox.sqlite3", fill(small_disk), 0
    while not path.exists():
        with raises(StorageError, "disk_full", path=str(path)), lan.client(str(path)) as client:
            client.send("text")
        assert path.exists() or [*small_disk.iterdir()] == [filler]
        refusals += 1
        shorten(filler, 4096)
    assert refusals > 16, "a new outbox needs more than 64 KiB"
