"""What a client with keys believes: a sealed notebook is found by its key alone, and impostors are reported and get nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.disks import make_unwritable
from tests.support.errors import raises
from tests.support.lan import CELLAR, KITCHEN, Lan
from tests.support.network import PORT
from udpnote.client.finding.trust import ImpostorDetector
from udpnote.client.sending.results import SentEntry, State
from udpnote.errors import (
    EntriesWait,
    InvalidKey,
    InvalidSetting,
    JoinedOrLeftMeanwhile,
    KeyMissing,
    Notice,
    NotSealed,
    OldKey,
    Queued,
    ServerNotFound,
    SeveralNotebooks,
)
from udpnote.model.join_code import join_code
from udpnote.model.notebook import KnownNotebook, SealedNotebook, SilentServer, display_name
from udpnote.protocol.discovery import DiscoveryAnswer
from udpnote.protocol.messages import Offer
from udpnote.server.sealing import seal_notebook, unseal_notebook
from udpnote.storage.key_file import NotebookKeys, key_path, write_key_file

STRANGE_CODE = join_code(b"s" * 16)


# Joining and leaving


def test_joining_believes_a_notebook_that_has_the_named_key_and_no_other() -> None:
    home = KnownNotebook(b"h" * 16, "家里", "192.0.2.7", 6683, 0, b"key id h")
    offer = Offer(bytes(8), home.notebook_id, home.name, 42, "1.0", 0, bytes(8))
    detector = ImpostorDetector([SealedNotebook(home, None)], {b"key id h"}, named_id=b"key id n", is_joining=True)
    for key_id, impersonated in ((b"key id n", None), (b"key id s", home), (None, home)):
        assert detector.impersonated(DiscoveryAnswer(offer, ("192.0.2.66", 6683), 0.001, key_id)) == impersonated


@pytest.mark.parametrize("server", [None, KITCHEN])
def test_a_client_that_has_joined_writes_and_reads_without_naming_anything(lan: Lan, server: str | None) -> None:
    serving = lan.serve(sealed=True)
    joining = lan.client(server=server, wait=0.3)
    for code in ("", "1234", STRANGE_CODE[:-1], STRANGE_CODE[:-1] + "!"):
        with pytest.raises(InvalidKey):
            joining.join(code)
    assert lan.sent == []
    assert list(joining.find(timeout=0.3)) == []
    with raises(Queued, "no_answer_at_server" if server else "no_answer_on_lan"):
        lan.client(server=server).send("early")
    with pytest.raises(ServerNotFound):
        list(lan.client(server=server).entries())
    notebook = joining.join(serving.code.lower())
    assert (notebook.notebook_id, notebook.name, notebook.host) == (serving.notebook_id, "kitchen", KITCHEN)
    assert (joining.chosen(), lan.client().chosen()) == (notebook, notebook)
    lan.client(server=server).deliver()
    assert joining.send("今天开会").number == 2
    assert [each.entry.text for each in lan.client().entries()] == ["early", "今天开会"]
    [found] = joining.find(timeout=0.2)
    assert (found.is_sealed, found.is_impostor, found.has_new_key, found.entries) == (True, False, False, 2)


@pytest.mark.parametrize("server", [None, KITCHEN])
def test_a_client_that_knew_a_notebook_as_open_goes_on_sealed_when_another_command_has_joined(
    lan: Lan, server: str | None
) -> None:
    serving = lan.serve()
    client = lan.client(server=server)
    client.send("in the open")
    seal_notebook(serving.notebook, name="kitchen")
    serving.stop()
    serving = lan.serve(sealed=True)
    with raises(Queued, "no_answer_yet", server=SilentServer("kitchen", KITCHEN, False)):
        client.send("waits")
    lan.client().join(serving.code)
    assert client.send("sealed").number in (2, 3)
    serving.stop()
    with raises(Queued, "no_answer_yet", server=SilentServer("kitchen", KITCHEN, True)):
        client.send("of a sealed one")
    assert sorted(lan.texts()) == ["in the open", "sealed", "waits"]


def test_a_note_that_is_on_its_way_goes_on_sealed_when_another_command_joins(lan: Lan) -> None:
    serving = lan.serve()
    client = lan.client()
    client.send("in the open")
    seal_notebook(serving.notebook, name="kitchen")
    serving.stop()

    def texts() -> Iterator[str | None]:
        yield "on its way"
        yield None  # now the client sends it
        lan.client().join(lan.serve(sealed=True).code)

    [sent] = client.send_many(texts())
    assert (sent.state, sent.number) == (State.STORED, 2)


def test_on_the_host_of_a_notebook_its_owner_need_not_join_after_sealing_or_a_change_of_key(
    lan: Lan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UDPNOTE_FILE", str(lan.notebook()))
    serving = lan.serve()
    lan.client().send("in the open")
    seal_notebook(serving.notebook, name="kitchen")
    serving.stop()
    serving = lan.serve(sealed=True)
    for number, outbox in enumerate(("outbox.sqlite3", "another.sqlite3", "another.sqlite3"), 2):
        assert lan.client(outbox).send("sealed").number == number
    assert lan.client("another.sqlite3", key=serving.code).send("by its key").number == 5
    serving.rotate()
    for outbox in ("outbox.sqlite3", "another.sqlite3"):
        client = lan.client(outbox)
        assert [client.send(text).state for text in ("with the new key", "again")] == [State.STORED] * 2
        assert [(each.is_sealed, each.warning) for each in client.find(timeout=0.2)] == [(True, None)]
    lan.notebook().with_name("kitchen.sqlite3.key").write_text("damaged")
    with raises(Queued, "no_answer_on_lan"):
        lan.client("stranger.sqlite3").send("without a key")


@pytest.mark.parametrize("trouble", ["full", "read-only"])
@pytest.mark.parametrize("was_open", [True, False])
def test_the_owner_reads_on_with_a_new_key_that_the_outbox_cannot_save(
    lan: Lan, small_disk: Path, monkeypatch: pytest.MonkeyPatch, was_open: bool, trouble: str
) -> None:
    monkeypatch.setenv("UDPNOTE_FILE", str(lan.notebook()))
    serving = lan.serve(sealed=not was_open)
    path = str(small_disk / "outbox.sqlite3")
    with lan.client(path) as client:
        client.send("before")
    if was_open:
        seal_notebook(serving.notebook, name="kitchen")
        serving.stop()
        lan.serve(sealed=True)
    else:
        serving.rotate()
    make_unwritable(small_disk, trouble)
    client = lan.client(path)
    assert [each.entry.text for each in client.entries()] == ["before"]
    assert [(each.is_sealed, each.warning) for each in client.find(timeout=0.2)] == [(True, None)]
    assert client.status().failure is None
    assert {each.kind for each in lan.notices} <= {"not_remembered"}


def test_a_key_file_beside_an_open_notebook_seals_nothing(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UDPNOTE_FILE", str(lan.notebook()))
    lan.serve()
    write_key_file(key_path(str(lan.notebook())), NotebookKeys(b"k" * 16), notebook_name="kitchen")
    for number in (1, 2):
        assert lan.client().send("in the open").number == number
    assert lan.outbox().keys.by_id() == {}


def test_a_code_that_no_notebook_has_is_reported_and_nothing_is_kept(lan: Lan) -> None:
    client = lan.client(server=KITCHEN)
    for sealed, names in ((None, []), (True, []), (False, ["kitchen"])):
        server = lan.serve(sealed=sealed, called="kitchen") if sealed is not None else None
        with raises(ServerNotFound, "key_not_found", host=KITCHEN, ports=(PORT,)) as error:
            client.join(STRANGE_CODE)
        found = error.value.notice.values["found"]
        assert isinstance(found, list) and [each.name for each in found] == names
        assert (client.chosen(), lan.outbox().keys.by_id()) == (None, {})
        if server is not None:
            server.stop()


def test_two_notebooks_with_one_key_are_told_apart_by_the_server_that_is_named(lan: Lan) -> None:
    kitchen = lan.serve(sealed=True)
    lan.serve("cellar", CELLAR, sealed=True).stop()
    write_key_file(key_path(str(lan.notebook("cellar"))), NotebookKeys(kitchen.key), notebook_name="cellar")
    lan.serve("cellar", CELLAR, sealed=True)
    with raises(SeveralNotebooks, "several_notebooks"):
        lan.client().join(kitchen.code)
    assert lan.outbox().keys.by_id() == {}
    assert lan.client(server=CELLAR).join(kitchen.code).name == "cellar"


@pytest.mark.parametrize("is_joined_there", [True, False])
def test_the_named_server_of_a_sealed_notebook_is_remembered_by_its_name(lan: Lan, is_joined_there: bool) -> None:
    code = lan.serve(host="127.0.0.1", sealed=True).code
    lan.client(server="localhost" if is_joined_there else None).join(code)
    if not is_joined_there:
        lan.client(server="localhost").send("found there")
    assert [(each.notebook.name, each.server) for each in lan.outbox().sealed()] == [("kitchen", f"localhost:{PORT}")]


def test_leaving_a_notebook_forgets_its_key_and_errors_name_the_joined_ones(lan: Lan) -> None:
    server = lan.serve(sealed=True)
    client = lan.client()
    with raises(InvalidSetting, "not_joined", name_or_id="kitchen", joined=[]):
        client.leave("kitchen")
    kitchen = client.join(server.code)
    lan.outbox().join(kitchen._replace(notebook_id=bytes(16)), b"t" * 16)
    other, own = (display_name(each, lan.outbox().notebooks()) for each in lan.outbox().notebooks())
    with raises(InvalidSetting, "several_joined", joined=[other, own]):
        client.leave("kitchen")
    client.use(server.notebook_id.hex())
    server.stop()
    with pytest.raises(Queued):
        lan.client(wait=0.0).send("waits")
    with raises(EntriesWait, "entries_wait", entries=1, name=own):
        client.leave(server.notebook_id.hex()[:8])
    lan.serve(sealed=True)
    assert client.leave("0000").notebook_id == bytes(16)
    client.deliver()
    client.leave("kitchen")
    assert (client.chosen(), lan.outbox().keys.by_id()) == (None, {})


def test_if_another_command_leaves_the_notebook_the_error_of_a_delivery_says_so(
    lan: Lan,
) -> None:
    server, delivered = lan.serve(sealed=True), list[SentEntry]()

    def deliver_and_leave(sent: SentEntry) -> None:
        delivered.append(sent)
        if len(delivered) == 1:
            lan.client().leave("kitchen", sends_open=True)

    client = lan.client(on_delivered=deliver_and_leave)
    client.join(server.code)
    texts = [f"text {number}" for number in range(2_000)]
    lan.outbox().add(texts, author="amy", written_at=0, utc_offset=0, notebook_id=server.notebook_id)
    with raises(JoinedOrLeftMeanwhile, "joined_or_left_meanwhile", name="kitchen"):
        client.deliver()
    assert 0 < len(delivered) < len(texts)


# Impostors


def test_joining_believes_the_notebook_with_the_key_beside_an_open_one_of_its_name(lan: Lan) -> None:
    server = lan.serve(sealed=True)
    lan.serve("impostor", CELLAR, called="kitchen")
    client = lan.client()
    assert client.join(server.code).notebook_id == server.notebook_id
    client.send("secret")
    found = {each.is_sealed: each for each in client.find(timeout=0.3)}
    assert (found[True].is_impostor, found[False].is_impostor) == (False, True)
    assert found[False].warning == Notice("impostor", address=f"{CELLAR}:{PORT}", name="kitchen", argument="kitchen")
    assert (lan.texts(), lan.texts("impostor")) == (["secret"], [])
    server.stop()
    with raises(ServerNotFound, "key_not_found"):
        lan.client(server=CELLAR).join(STRANGE_CODE)


def test_a_notebook_that_was_sealed_gets_nothing_in_the_open_until_it_is_left(lan: Lan) -> None:
    server = lan.serve(sealed=True)
    client = lan.client(server=KITCHEN)
    client.join(server.code)
    client.send("sealed")
    unseal_notebook(server.notebook)
    server.stop()
    lan.serve()
    naming = lan.client(server=KITCHEN)
    for text in ("not for an impostor", "and again not"):
        with raises(Queued, "impostor", name="kitchen"):
            naming.send(text)
    with raises(NotSealed, "impostor"):
        list(naming.entries())
    with raises(NotSealed, "impostor"):
        naming.use("kitchen")
    other = lan.client()
    with raises(Queued, "no_answer_yet"):
        other.send("secret")
    assert [notice.kind for notice in lan.notices].count("impostor") == 1
    assert lan.texts() == ["sealed"]
    with raises(EntriesWait, "entries_wait", entries=3, name="kitchen"):
        other.leave("kitchen")
    naming.discard([each.entry.sequence for each in naming.waiting() if each.notebook_id is None])
    with raises(EntriesWait, "entries_wait", entries=1):
        other.leave("kitchen")
    assert lan.outbox().keys.by_id() != {}
    assert other.leave("kitchen", sends_open=True).name == "kitchen"
    assert lan.outbox().keys.by_id() == {}
    other.deliver()
    assert client.send("in the open").number == 3
    assert lan.texts() == ["sealed", "secret", "in the open"]


def test_an_open_notebook_at_the_named_server_of_a_sealed_one_gets_nothing_unless_it_is_named_by_its_id(lan: Lan) -> None:
    server = lan.serve(sealed=True)
    lan.client(server=KITCHEN).join(server.code)
    server.stop()
    another = lan.serve("another")
    client = lan.client(server=KITCHEN)
    with raises(Queued, "impostor", name="kitchen"):
        client.send("secret")
    [found] = client.find(1.0)
    assert (found.name, found.is_impostor, lan.texts("another")) == ("another", True, [])
    for outbox in ("outbox.sqlite3", "other.sqlite3"):
        assert lan.client(outbox, server=KITCHEN, notebook=another.notebook_id.hex()).send("not secret").number


# A new key


def test_a_client_with_an_old_key_is_told_and_goes_on_after_it_has_joined_again(lan: Lan) -> None:
    server = lan.serve(sealed=True)
    old = server.code
    client = lan.client(server=KITCHEN)
    client.join(old)
    client.send("before")
    code = server.rotate()
    [found] = client.find(timeout=0.2)
    assert (found.name, found.is_sealed, found.is_impostor, found.has_new_key) == ("kitchen", True, False, True)
    assert (found.entries, found.warning) == (None, Notice("key_changed", name="kitchen"))
    with raises(Queued, "key_changed", name="kitchen"):
        client.send("waits")
    fresh = lan.client(server=KITCHEN)
    with raises(OldKey, "key_changed"):
        list(fresh.entries())
    with raises(OldKey, "key_changed"):
        fresh.deliver()
    with raises(OldKey, "key_changed"):
        fresh.use("kitchen")
    with raises(OldKey, "joined_with_old_key"):
        lan.client("other.sqlite3").join(old)
    assert lan.outbox("other.sqlite3").keys.by_id() == {}
    fresh.join(code)
    assert len(lan.outbox().keys.by_id()) == 1
    fresh.deliver()
    assert (lan.texts(), fresh.waiting_counts()) == (["before", "waits"], [])
    assert client.send("after").number == 3, "a client that runs uses the new key, too"


def test_a_named_key_that_is_new_is_believed_only_where_no_other_one_was_joined(lan: Lan) -> None:
    server = lan.serve(sealed=True)
    lan.client("joined").join(server.code)
    lan.client(key=server.code).send("by the first key")
    code = server.rotate()
    again = lan.client(key=code, server=KITCHEN)
    assert (again.send("by the second one").number, again.chosen()) == (2, None)
    with raises(Queued, "impostor"):
        lan.client("joined", key=code, server=KITCHEN).send("secret")


# A named key


@pytest.mark.parametrize("by", ["a code", "a file", "the server's file"])
def test_a_named_key_means_the_notebook_that_has_it_and_is_not_kept(lan: Lan, by: str) -> None:
    lan.serve("cellar", CELLAR)
    code = lan.serve(sealed=True).code
    lan.client(server=CELLAR).use("cellar")
    file = lan.folder / "code"
    file.write_text(code)
    key_file = str(file) if by == "a file" else key_path(str(lan.notebook()))
    client = lan.client(**({"key": code} if by == "a code" else {"key_file": key_file}))
    assert client.send("secret").number == 1
    assert [each.entry.text for each in client.entries()] == ["secret"]
    chosen = lan.client().chosen()
    assert chosen is not None and chosen.name == "cellar"
    assert lan.outbox().keys.by_id() == {}
    lan.client().send("open")
    assert (lan.texts(), lan.texts("cellar")) == (["secret"], ["open"])


def test_a_named_key_is_used_even_if_another_one_was_joined_and_its_notebook_is_not_reached_without_it(lan: Lan) -> None:
    code = lan.serve(sealed=True).code
    cellar = lan.client().join(lan.serve("cellar", CELLAR, sealed=True).code)
    for number in (1, 2):
        named = lan.client(key=code)
        assert (named.send("secret").number, named.chosen()) == (number, cellar)
    plain = lan.client(notebook="kitchen")
    with raises(Queued, "key_missing", name="kitchen", argument="kitchen"):
        plain.send("waits")
    with pytest.raises(KeyMissing):
        list(plain.entries())
    assert lan.texts() == ["secret", "secret"]
    lan.client(key=code).deliver()
    assert (lan.texts(), lan.texts("cellar")) == (["secret", "secret", "waits"], [])


def test_an_entry_for_a_key_goes_to_the_notebook_that_is_joined_with_it_later_also_after_the_key_has_changed(lan: Lan) -> None:
    server = lan.serve(sealed=True)
    old = server.code
    server.stop()
    with pytest.raises(Queued):
        lan.client(key=old, wait=0.0).send("before the notebook was found")
    code = lan.serve(sealed=True).rotate()
    with raises(Queued, "key_changed"):
        lan.client(key=old).send("with the old key")
    joined = lan.client()
    joined.join(code)
    joined.deliver()
    assert sorted(lan.texts()) == ["before the notebook was found", "with the old key"]
