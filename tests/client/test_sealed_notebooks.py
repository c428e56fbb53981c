"""Sealed notebooks as a library: joined once, used like any other, and there for nobody who has no key."""

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.household import House
from tests.support.errors import raises
from udpnote import Client, Server
from udpnote.client.importing import Fate
from udpnote.client.results import SentEntry
from udpnote.errors import (
    EntriesWait,
    InvalidKey,
    InvalidSetting,
    KeyMissing,
    NotebookOpen,
    NotebookSealed,
    Notice,
    NotSealed,
    OldKey,
    Queued,
    ServerNotFound,
    SeveralNotebooks,
    StorageError,
)
from udpnote.model.join_code import join_code
from udpnote.model.notebook import KnownNotebook, SilentServer
from udpnote.protocol.sealed_envelope import key_id
from udpnote.server.sealing import seal_notebook, unseal_notebook
from udpnote.server.server import KEYS_SECONDS
from udpnote.storage.key_file import NotebookKeys, key_path, read_key_file, rotated, write_key_file
from udpnote.storage.notebook.notebook import Notebook
from udpnote.storage.outbox import Outbox

STRANGE_CODE = join_code(b"s" * 16)
DEADLINE_SECONDS = 20.0


def serve(house: House, name: str = "kitchen", **options: object) -> Server:
    return house.serve(name, sealed=True, **options)  # type: ignore[arg-type]


def code_of(server: Server) -> str:
    assert server.join_code is not None
    return server.join_code


def at_server(house: House, outbox: str = "outbox.sqlite3", **options: object) -> Client:
    """A client that goes straight to the server, and so is quick to find it."""
    return house.client(outbox, server=f"127.0.0.1:{house.port}", **options)


def end(server: Server) -> None:
    server.__exit__(None, None, None)


def key_file(house: House, name: str = "kitchen") -> str:
    return key_path(os.fspath(house.notebook(name)))


def rotate(house: House, *, accepted_until: int = 0) -> str:
    """Give the notebook a new key while its server runs; gives the new join code."""
    keys = read_key_file(key_file(house))
    assert keys is not None
    new = b"n" * 16
    write_key_file(key_file(house), rotated(keys, new, accepted_until=accepted_until), notebook_name="kitchen")
    return join_code(new)


def eventually(condition: Callable[[], bool]) -> None:
    """Ask again and again; each of the questions takes a moment on the network."""
    until = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < until, "it never came true"


def is_found(client: Client) -> bool:
    """Whether a notebook answers within a moment."""
    return any(client.find(timeout=0.1))


def has_new_key(client: Client) -> bool:
    return any(found.has_new_key for found in client.find(timeout=0.1))


def joined_keys(house: House, outbox: str = "outbox.sqlite3") -> list[tuple[bytes]]:
    with closing(sqlite3.connect(f"file:{house.notebook().with_name(outbox)}?mode=ro", uri=True)) as connection:
        return connection.execute("SELECT key FROM keys").fetchall()


# Serving


def test_a_new_notebook_is_sealed_if_that_is_wanted_and_its_code_stays_the_same(house: House) -> None:
    server = serve(house)
    code = code_of(server)
    keys = read_key_file(key_file(house))
    assert keys is not None and join_code(keys.current) == code
    end(server)
    assert serve(house).join_code == code


def test_an_open_notebook_has_no_join_code_and_no_key_file(house: House) -> None:
    assert house.serve().join_code is None
    assert not Path(key_file(house)).exists()


def test_a_sealed_notebook_is_not_served_to_everybody(house: House) -> None:
    end(serve(house))
    with raises(NotebookSealed, "notebook_is_sealed"):
        house.serve()
    serve(house)


def test_an_open_notebook_is_not_served_as_a_sealed_one(house: House) -> None:
    end(house.serve())
    with raises(NotebookOpen, "notebook_is_open"):
        serve(house)
    house.serve()


def test_that_a_notebook_is_served_sealed_may_be_said_in_the_environment(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UDPNOTE_SEALED", "yes")
    assert house.serve().join_code is not None


@pytest.mark.parametrize("text", [None, "key ="], ids=["missing", "damaged"])
def test_without_its_keys_a_sealed_notebook_is_not_served(house: House, text: str | None) -> None:
    end(serve(house))
    os.unlink(key_file(house))
    if text is not None:
        Path(key_file(house)).write_text(text)
    with pytest.raises(StorageError, match=key_file(house)):
        serve(house)


# Joining


def test_whoever_has_not_joined_finds_nothing_and_what_is_written_waits(house: House) -> None:
    serve(house)
    client = at_server(house, wait=0.3)
    assert not is_found(client)
    with raises(Queued, "no_answer_at_server"):
        client.send("wait")
    with pytest.raises(ServerNotFound):
        list(client.entries())
    assert house.texts() == []


def test_whoever_knew_a_notebook_as_open_is_told_once_that_it_may_be_sealed_by_now(house: House) -> None:
    with house.serve():
        house.client().send("in the open")
    with closing(Notebook(house.notebook())) as notebook:
        seal_notebook(notebook, name="kitchen")
    server = serve(house)
    client = house.client(wait=0.5)
    with raises(Queued, "no_answer_yet", server=SilentServer("kitchen", "127.0.0.1", False)):
        client.send("waits")
    with raises(ServerNotFound, "no_answer_to_reading", server=SilentServer("kitchen", "127.0.0.1", False)):
        list(client.entries())
    client.join(code_of(server))
    client.deliver(wait=5.0)
    end(server)
    with raises(Queued, "no_answer_yet", server=SilentServer("kitchen", "127.0.0.1", True)):
        client.send("of a sealed one")
    assert house.texts() == ["in the open", "waits"]


@pytest.mark.parametrize("names_server", [True, False])
def test_whoever_has_joined_writes_and_reads_from_then_on_without_more_ado(house: House, names_server: bool) -> None:
    server = serve(house)
    joining = at_server(house) if names_server else house.client()
    notebook = joining.join(code_of(server).lower())
    assert (notebook.notebook_id.hex(), notebook.name, notebook.port) == (server.notebook_id, "kitchen", server.port)
    assert (joining.chosen(), house.client().chosen()) == (notebook, notebook)
    assert joining.send("今天开会").number == 1
    assert house.client().send("明天也开会").number == 2
    assert [each.entry.text for each in house.client().entries()] == ["今天开会", "明天也开会"]
    [found] = joining.find(timeout=0.2)
    assert (found.is_sealed, found.is_posing, found.has_new_key, found.entries) == (True, False, False, 2)


def test_joining_sends_what_was_written_before_there_was_a_notebook(house: House) -> None:
    server = serve(house)
    client = house.client(wait=0.3)
    with pytest.raises(Queued):
        client.send("early")
    client.join(code_of(server))
    client.deliver()
    assert (house.texts(), client.waiting()) == (["early"], [])


@pytest.mark.parametrize("is_served", [True, False], ids=["another key", "nobody"])
def test_a_code_that_nobody_has_is_told_and_nothing_is_kept(house: House, is_served: bool) -> None:
    house.reserve_port()
    if is_served:
        serve(house)
    client = at_server(house)
    with raises(ServerNotFound, "key_not_found"):
        client.join(STRANGE_CODE)
    assert (client.chosen(), joined_keys(house)) == (None, [])


def test_a_code_for_none_of_the_open_notebooks_names_them(house: House) -> None:
    house.serve()
    with raises(ServerNotFound, "key_not_found"):
        at_server(house).join(STRANGE_CODE)


def test_who_joins_one_notebook_in_vain_is_not_told_to_leave_another_that_somebody_poses_as(house: House) -> None:
    end(server := serve(house))
    with Server(house.notebook("impostor"), name="kitchen", bind="127.0.0.1", port=house.port):
        with closing(Outbox(house.notebook("outbox"))) as outbox:
            key = read_keys(house).current
            outbox.join(KnownNotebook(bytes.fromhex(server.notebook_id), "kitchen", "127.0.0.1", 1, 0, key_id(key)), key)
        with raises(ServerNotFound, "key_not_found"):
            at_server(house).join(STRANGE_CODE)


@pytest.mark.parametrize("code", ["", "1234", STRANGE_CODE[:-1], STRANGE_CODE[:-1] + "!"])
def test_a_mistyped_code_is_refused_before_anybody_is_asked(house: House, code: str) -> None:
    house.reserve_port()
    client = house.client()
    with pytest.raises(InvalidKey):
        client.join(code)
    assert client.probe_attempts == []


def test_the_server_at_which_a_notebook_was_joined_is_remembered_by_its_name(house: House) -> None:
    server = serve(house)
    house.client(server=f"localhost:{house.port}").join(code_of(server))
    with closing(Outbox(house.notebook("outbox"))) as outbox:
        assert [(each.notebook.name, each.server) for each in outbox.sealed()] == [("kitchen", f"localhost:{house.port}")]


def test_two_notebooks_with_one_key_are_told_apart_by_the_server_that_is_named(house: House) -> None:
    serve(house)
    end(serve(house, "cellar", bind="::1"))
    write_key_file(key_file(house, "cellar"), NotebookKeys(read_keys(house).current), notebook_name="cellar")
    server = serve(house, "cellar", bind="::1")
    with raises(SeveralNotebooks, "several_notebooks"):
        house.client().join(code_of(server))
    assert joined_keys(house) == []
    assert house.client(server=f"[::1]:{house.port}").join(code_of(server)).name == "cellar"


def read_keys(house: House) -> NotebookKeys:
    keys = read_key_file(key_file(house))
    assert keys is not None
    return keys


def test_joining_believes_the_notebook_with_the_key_beside_an_open_one_of_its_name(house: House) -> None:
    server = serve(house)
    with Server(house.notebook("impostor"), name="kitchen", bind="::1", port=house.port):
        client = house.client()
        assert client.join(code_of(server)).notebook_id.hex() == server.notebook_id
        client.send("secret")
        found = {each.is_sealed: each.is_posing for each in client.find(timeout=0.3)}
    assert found == {True: False, False: True}
    assert (house.texts(), house.texts("impostor")) == (["secret"], [])


def test_an_open_notebook_that_was_sealed_gets_nothing_until_it_is_left(house: House) -> None:
    server = serve(house)
    client = at_server(house, wait=0.3)
    client.join(code_of(server))
    client.send("sealed")
    end(server)
    with closing(Notebook(house.notebook())) as notebook:
        unseal_notebook(notebook)
    house.serve()
    naming = at_server(house, wait=0.3)
    with raises(Queued, "impostor"):
        naming.send("not for whoever is there")
    with raises(NotSealed, "impostor"):
        list(naming.entries())
    notices: list[Notice] = []
    other = house.client(wait=1.5, on_notice=notices.append)
    with raises(Queued, "no_answer_yet"):
        other.send("secret")
    assert [notice for notice in notices if notice.kind == "impostor"] == notices[1:2]
    assert house.texts() == ["sealed"]
    with raises(EntriesWait, "entries_wait"):
        other.leave("kitchen")
    naming.discard([each.entry.sequence for each in naming.waiting() if each.notebook_id is None])
    with raises(EntriesWait, "entries_wait"):
        other.leave("kitchen")
    assert joined_keys(house) != []
    assert other.leave("kitchen", sends_open=True).name == "kitchen"
    assert joined_keys(house) == []
    other.deliver()
    assert house.texts() == ["sealed", "secret"]


def test_two_joined_notebooks_of_one_name_are_told_apart_by_their_ids(house: House) -> None:
    server = serve(house)
    client = at_server(house)
    kitchen = client.join(code_of(server))
    with closing(Outbox(house.outbox())) as outbox:
        outbox.join(kitchen._replace(notebook_id=bytes(16)), b"t" * 16)
        outbox.choose(kitchen.notebook_id)
    client.send("kept")
    end(server)
    with raises(InvalidSetting, "several_joined"):
        client.leave("kitchen")
    with pytest.raises(Queued):
        house.client(wait=0.0).send("waits")
    with raises(EntriesWait, "entries_wait"):
        client.leave(server.notebook_id[:8])
    assert client.leave("0000").notebook_id == bytes(16)


def test_leaving_what_was_not_joined_names_what_was(house: House) -> None:
    server = serve(house)
    client = at_server(house)
    with raises(InvalidSetting, "not_joined"):
        client.leave("kitchen")
    client.join(code_of(server))
    with raises(InvalidSetting, "not_joined"):
        client.leave("cellar")
    client.leave(server.notebook_id[:8])
    assert client.chosen() is None


# Using it


def test_everything_that_an_open_notebook_does_a_sealed_one_does_too(house: House) -> None:
    server = serve(house)
    client = at_server(house)
    client.join(code_of(server))
    assert client.send("x" * 100_000).number == 1
    client.send("会议 #work")
    assert client.revise(2, "会议记录 #work").number == 3
    assert [each.entry.text for each in client.search("会议")] == ["会议记录 #work"]
    client.delete(1)
    assert [(each.number, each.entry.text) for each in client.entries()] == [(2, "会议记录 #work")]
    following = client.follow(last=1)
    next(following)
    house.client().send("new")
    assert next(following).entry.text == "new"
    assert [each.number for each in client.log()] == [1, 2, 3, 4, 5]


def test_entries_are_imported_through_a_sealed_server(house: House) -> None:
    server = serve(house)
    client = at_server(house)
    client.join(code_of(server))
    client.send("old")
    log = list(client.log())
    end(server)
    cellar = serve(house, "cellar")
    importing = at_server(house, "other.sqlite3", key=code_of(cellar))
    assert [(each.fate, each.number) for each in importing.import_entries(log)] == [(Fate.NEW, 1)]
    assert house.texts("cellar") == ["old"]


# A new key


def test_a_new_key_is_taken_up_while_the_server_runs_and_who_has_the_old_one_is_told(house: House) -> None:
    server = serve(house)
    client = at_server(house, wait=0.3)
    client.join(code_of(server))
    client.send("before")
    code = rotate(house)
    eventually(lambda: has_new_key(client))
    assert server.join_code == code
    [found] = client.find(timeout=0.2)
    assert (found.name, found.is_sealed, found.is_posing) == ("kitchen", True, False)
    with raises(Queued, "key_changed"):
        client.send("waits")
    fresh = at_server(house, wait=0.3)
    with raises(OldKey, "key_changed"):
        list(fresh.entries())
    with raises(OldKey, "key_changed"):
        fresh.deliver()
    fresh.join(code)
    assert len(joined_keys(house)) == 1
    fresh.deliver()
    assert (house.texts(), fresh.waiting()) == (["before", "waits"], [])
    assert client.send("after").number == 3, "a client that runs uses the new key, too"


def test_who_joins_with_a_key_that_was_replaced_is_told_so_and_nothing_is_kept(house: House) -> None:
    server = serve(house)
    old = code_of(server)
    code = rotate(house)
    client = at_server(house)
    key = Client(server=f"127.0.0.1:{house.port}", key=old, outbox=str(house.notebook("named")))
    with key:
        eventually(lambda: has_new_key(key))
    with raises(OldKey, "joined_with_old_key"):
        client.join(old)
    assert (client.chosen(), joined_keys(house)) == (None, [])
    assert client.join(code).name == "kitchen"


def test_an_old_key_that_is_still_accepted_goes_on_as_before(house: House) -> None:
    server = serve(house)
    client = at_server(house)
    client.join(code_of(server))
    code = rotate(house, accepted_until=time.time_ns() // 1000 + 3_600_000_000)
    eventually(lambda: server.join_code == code)
    assert client.send("old key").number == 1
    other = at_server(house, "other.sqlite3")
    other.join(code)
    assert other.send("new key").number == 2


def test_a_key_file_that_is_damaged_meanwhile_is_told_of_once_and_the_keys_stay(house: House) -> None:
    notices: list[Notice] = []
    server = serve(house, on_notice=notices.append)
    code = code_of(server)
    client = at_server(house)
    client.join(code)
    keys = read_keys(house)
    Path(key_file(house)).write_text("key =")
    eventually(lambda: is_found(client) and notices != [])
    looked_at = time.monotonic() + 2 * KEYS_SECONDS
    eventually(lambda: is_found(client) and time.monotonic() > looked_at)
    assert client.send("still here").number == 1
    [notice] = notices
    assert notice.kind == "key_file_not_read"
    assert f"{key_file(house)} is damaged" in str(notice)
    assert code not in str(notice)
    write_key_file(key_file(house), rotated(keys, b"n" * 16, accepted_until=0), notebook_name="kitchen")
    eventually(lambda: has_new_key(client))
    os.unlink(key_file(house))
    eventually(lambda: has_new_key(client) and len(notices) == 3)
    assert notices[1] == Notice("notebook_key_changed")
    assert isinstance(missing := notices[2].values["error"], StorageError)
    assert missing.notice == Notice("key_file_missing", path=key_file(house))


# A named key


@pytest.mark.parametrize("by", ["key", "key_file", "UDPNOTE_KEY", "UDPNOTE_KEY_FILE", "the key file"])
def test_a_named_key_means_the_notebook_that_has_it_and_nothing_of_it_is_kept(
    house: House, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    house.serve("cellar", bind="::1")
    code = code_of(serve(house))
    house.client(server=f"[::1]:{house.port}").use("cellar")
    file = house.notebook("code")
    file.write_text(code)
    options = {"key": {"key": code}, "key_file": {"key_file": str(file)}, "the key file": {"key_file": key_file(house)}}
    monkeypatch.setenv(by if by.startswith("UDPNOTE") else "UDPNOTE_NOTHING", code if by == "UDPNOTE_KEY" else str(file))
    client = at_server(house, **options.get(by, {}))
    assert client.send("secret").number == 1
    assert [each.entry.text for each in client.entries()] == ["secret"]
    monkeypatch.delenv(by, raising=False)
    chosen = house.client().chosen()
    assert chosen is not None and chosen.name == "cellar"
    assert joined_keys(house) == []
    house.client(server=f"[::1]:{house.port}").send("open")
    assert (house.texts(), house.texts("cellar")) == (["secret"], ["open"])


def test_a_named_key_is_found_without_a_server_that_is_named_whatever_was_joined(house: House) -> None:
    code = code_of(serve(house))
    cellar = code_of(serve(house, "cellar", bind="::1"))
    house.client().join(cellar)
    assert house.client(key=code).send("secret").number == 1
    assert house.client(key=code).send("at once, because it is known now").number == 2
    assert (len(house.texts()), house.texts("cellar")) == (2, [])
    chosen = house.client().chosen()
    assert chosen is not None and chosen.name == "cellar"


def test_what_was_found_by_a_named_key_is_not_chosen(house: House) -> None:
    client = house.client(key=code_of(serve(house)))
    client.send("secret")
    assert (client.chosen(), house.client().chosen()) == (None, None)


def test_what_was_found_by_a_named_key_is_not_reached_without_it(house: House) -> None:
    code = code_of(serve(house))
    at_server(house, key=code).send("secret")
    plain = house.client(notebook_id="kitchen", wait=0.3)
    with raises(Queued, "key_missing"):
        plain.send("waits")
    with pytest.raises(KeyMissing):
        list(plain.entries())
    assert house.texts() == ["secret"]
    at_server(house, key=code).deliver()
    assert house.texts() == ["secret", "waits"]


@pytest.mark.parametrize("names_server", [True, False])
def test_what_was_written_for_a_named_key_goes_nowhere_else_whoever_answers(house: House, names_server: bool) -> None:
    end(server := serve(house))
    code = code_of(server)
    place = {"server": f"127.0.0.1:{house.port}"} if names_server else {}

    def client(**options: object) -> Client:
        return house.client(**place, **options)  # type: ignore[arg-type]

    with raises(Queued, "key_not_found"):
        client(key=code, wait=0.3).send("secret")
    with Server(house.notebook("cellar"), name="cellar", bind="127.0.0.1", port=house.port):
        plain = client()
        assert plain.send("open").number == 1
        plain.deliver()
        with raises(ServerNotFound, "key_not_found"):
            client(key=STRANGE_CODE, wait=0.3).deliver()
        with raises(ServerNotFound, "key_not_found"):
            client(key=code, wait=0.3).deliver()
        assert [each.entry.text for each in plain.waiting()] == ["secret"]
    serve(house)
    delivered: list[SentEntry] = []
    named = client(key=code, on_delivered=delivered.append)
    named.deliver()
    assert [each.entry.text for each in delivered] == ["secret"]
    assert (house.texts(), house.texts("cellar"), named.waiting()) == (["secret"], ["open"], [])


@pytest.mark.parametrize("options", [{"key": "nonsense"}, {"key_file": "/nowhere"}])
@pytest.mark.usefixtures("house")
def test_a_key_that_cannot_be_used_is_refused_before_anything_is_done(options: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises((InvalidKey, StorageError)):
        Client(outbox=str(tmp_path / "o.sqlite3"), **options)  # type: ignore[arg-type]
    assert not (tmp_path / "o.sqlite3").exists()


def test_an_open_notebook_at_the_named_server_of_a_sealed_one_gets_nothing_whatever_it_is_called(house: House) -> None:
    server = serve(house)
    at_server(house).join(code_of(server))
    end(server)
    house.serve("another")
    client = at_server(house, wait=0.3)
    with raises(Queued, "impostor"):
        client.send("secret")
    [found] = client.find(1.0)
    assert (found.name, found.is_posing) == ("another", True)
    assert house.texts("another") == []
    by_id = at_server(house, "other.sqlite3", notebook_id=found.notebook_id)
    assert by_id.send("not secret").number == 1, "who has not joined anything may go there"


def test_an_open_notebook_that_is_named_by_its_id_may_be_at_the_address_of_a_sealed_one(house: House) -> None:
    server = serve(house)
    at_server(house).join(code_of(server))
    end(server)
    other = house.serve("another")
    assert at_server(house, notebook_id=other.notebook_id).send("not secret").number == 1


def test_a_client_that_has_met_an_impostor_goes_on_saying_so(house: House) -> None:
    server = serve(house)
    at_server(house).join(code_of(server))
    end(server)
    with closing(Notebook(house.notebook())) as notebook:
        unseal_notebook(notebook)
    house.serve()
    client = at_server(house, wait=0.3)
    for _ in range(2):
        with raises(Queued, "impostor"):
            client.send("secret")


def test_what_was_meant_for_a_key_goes_to_the_notebook_that_is_joined_with_it(house: House) -> None:
    house.reserve_port()
    named = house.client(key=STRANGE_CODE, wait=0.0)
    with pytest.raises(Queued):
        named.send("meant for the key")
    with closing(Outbox(house.notebook().with_name("outbox.sqlite3"))) as outbox:
        outbox.join(KnownNotebook(b"k" * 16, "kitchen", "127.0.0.1", house.port, 0, key_id(b"s" * 16)), b"s" * 16)
        [waiting] = outbox.listing()
        assert waiting.notebook_id == b"k" * 16


def test_a_notebook_is_not_sealed_over_a_key_that_is_there(house: House) -> None:
    Path(key_file(house)).parent.mkdir(exist_ok=True)
    write_key_file(key_file(house), NotebookKeys(b"o" * 16), notebook_name="of another notebook")
    with pytest.raises(StorageError, match="there is a key file"):
        serve(house)
    assert read_key_file(key_file(house)) == NotebookKeys(b"o" * 16)
    os.unlink(key_file(house))
    assert code_of(serve(house)) != join_code(b"o" * 16)


def replace_key(house: House) -> str:
    """Give the notebook, which nobody serves, a new key; gives its join code."""
    code = rotate(house)
    assert code != STRANGE_CODE
    return code


def test_who_names_the_new_key_is_let_in_again_where_the_old_one_was_only_named(house: House) -> None:
    server = serve(house)
    named = at_server(house, key=code_of(server))
    named.send("by the first key")
    named.close()
    end(server)
    code = replace_key(house)
    serve(house)
    again = at_server(house, key=code)
    assert again.send("by the second one").number == 2
    assert again.chosen() is None


def test_who_names_a_new_key_is_not_believed_where_another_one_was_joined(house: House) -> None:
    server = serve(house)
    at_server(house).join(code_of(server))
    end(server)
    code = replace_key(house)
    serve(house)
    with raises(Queued, "impostor"):
        at_server(house, key=code, wait=0.3).send("secret")


def test_what_was_meant_for_a_key_before_its_notebook_was_found_is_not_lost_when_the_key_has_changed(house: House) -> None:
    server = serve(house)
    old = code_of(server)
    end(server)
    early = house.client(key=old, wait=0.0)
    with pytest.raises(Queued):
        early.send("before the notebook was found")
    early.close()
    code = replace_key(house)
    serve(house)
    late = house.client(key=old)
    with raises(Queued, "key_changed"):
        late.send("with the old key")
    late.close()
    joined = house.client()
    joined.join(code)
    joined.deliver()
    assert sorted(house.texts()) == ["before the notebook was found", "with the old key"]
