"""The server as a library: its name and addresses, why it cannot serve, and that it stores before it answers."""

import platform
import threading
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.golden import STREAM_ID
from udpnote import Client, Server
from udpnote.errors import AddressInUse, AddressUnavailable, InvalidSetting, StorageError, UdpnoteError
from udpnote.lan.endpoint import Endpoint
from udpnote.lan.interfaces import no_interfaces
from udpnote.model.address import Address
from udpnote.model.entry import StoredEntry
from udpnote.model.query import FIRST, Query
from udpnote.protocol.codec import decode, encode
from udpnote.protocol.messages import Page, PageState, Read

NOISE = (b"\0", b"UN", b"GET / HTTP/1.1\r\n\r\n", bytes(1200), b"\xff" * 1500, b"UN\x01\x03" + bytes(64))
SOURCE: Address = ("127.0.0.1", 40000)
WAIT_SECONDS = 30.0
"""Longer than anything here takes, and shorter than what the server does by itself after a while."""


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UDPNOTE_HOME", str(tmp_path / "home"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "notebook.sqlite3"


def local_server(path: Path | None, **options: object) -> Server:
    return Server(path, bind="127.0.0.1", **{"port": 0} | options)  # type: ignore[arg-type]


def client_of(server: Server) -> Client:
    endpoint = Endpoint.client(list_interfaces=no_interfaces)
    return Client(server=f"127.0.0.1:{server.port}", author="amy@pi", endpoint=endpoint)


def send_to(server: Server, text: str) -> None:
    with client_of(server) as client:
        client.send(text)


def test_it_says_its_name_id_addresses_and_port(path: Path) -> None:
    with local_server(path, name="厨房") as server:
        assert server.name == "厨房"
        assert len(bytes.fromhex(server.notebook_id)) == 16
        assert server.addresses == [f"127.0.0.1:{server.port}"]
        assert 0 < server.port < 65536


def test_a_name_is_kept_until_another_is_given_and_is_this_hosts_at_first(path: Path) -> None:
    names = []
    for name in (None, "kitchen", None, "cellar", None):
        with local_server(path, name=name) as server:
            names.append(server.name)
    assert names == [platform.node() or "notebook", "kitchen", "kitchen", "cellar", "cellar"]


def test_the_id_is_the_notebooks_for_ever(path: Path, tmp_path: Path) -> None:
    ids = []
    for file in (path, path, tmp_path / "other.sqlite3"):
        with local_server(file) as server:
            ids.append(server.notebook_id)
    assert ids[0] == ids[1] != ids[2]


def test_without_a_file_it_uses_the_one_in_the_users_folder(tmp_path: Path) -> None:
    with local_server(None):
        assert (tmp_path / "home" / "notebook.sqlite3").exists()


@pytest.mark.parametrize("name", ["", "  ", "x" * 1000, "\ud800"])
def test_a_bad_name_is_refused_before_the_file_is_touched(path: Path, name: str) -> None:
    with pytest.raises(InvalidSetting, match="name"):
        local_server(path, name=name)
    assert not path.exists()


def test_a_taken_port_is_an_error_and_leaves_the_file_free(path: Path, tmp_path: Path) -> None:
    with local_server(tmp_path / "first.sqlite3") as first:
        with pytest.raises(AddressInUse, match=f"port {first.port} is taken"):
            local_server(path, port=first.port)
        with local_server(path):
            pass


def test_an_address_of_another_machine_is_an_error(path: Path) -> None:
    with pytest.raises(AddressUnavailable, match=r"198\.51\.100\.1"):
        Server(path, bind="198.51.100.1", port=0)


def test_a_file_is_served_once_at_a_time(path: Path) -> None:
    with local_server(path), pytest.raises(StorageError, match="in use by another server"):
        local_server(path)
    with local_server(path):
        pass


def test_each_stored_entry_is_announced_once_in_order(path: Path) -> None:
    announced: list[StoredEntry] = []
    with local_server(path, on_stored=announced.append) as server, client_of(server) as client:
        texts = [f"line {number}" for number in range(1000)]
        assert len(list(client.send_many(texts))) == len(texts)
    assert sorted(stored.entry.text for stored in announced) == sorted(texts)
    assert [stored.number for stored in announced] == list(range(1, len(texts) + 1))


def test_entries_from_before_are_not_announced_again(path: Path) -> None:
    announced: list[str] = []
    for text in ("old", "new"):
        announced.clear()
        with local_server(path, on_stored=lambda stored: announced.append(stored.entry.text)) as server:
            send_to(server, text)
    assert announced == ["new"]


def test_stop_from_another_thread_ends_run_and_frees_port_and_file(path: Path) -> None:
    server = local_server(path)
    thread = threading.Thread(target=server.run)
    thread.start()
    server.stop()
    thread.join(5)
    assert not thread.is_alive()
    with local_server(path, port=server.port):
        pass


def test_noise_is_not_answered_and_does_not_end_it(path: Path) -> None:
    with local_server(path) as server, closing(Endpoint.client(list_interfaces=no_interfaces)) as endpoint:
        endpoint.send([(data, ("127.0.0.1", server.port)) for data in NOISE])
        with client_of(server) as client:
            assert client.send("still here").number == 1
        assert endpoint.receive(0.0) == []


def test_a_server_that_has_ended_is_not_started_again(path: Path) -> None:
    server = local_server(path)
    with server:
        pass
    with pytest.raises(UdpnoteError, match="has ended"), server:
        pytest.fail("it would serve nothing")


def test_searches_are_done_in_a_thread_of_their_own_which_ends_with_the_server(path: Path) -> None:
    with local_server(path) as server, client_of(server) as client:
        client.send("今天开会")
        assert not search_threads(), "nobody has searched"
        assert [found.entry.text for found in client.search("开会")] == ["今天开会"]
        assert len(search_threads()) == 1
    assert not search_threads()


def test_whoever_searches_is_answered_though_nothing_else_comes(path: Path) -> None:
    with (
        local_server(path) as server,
        client_of(server) as client,
        closing(Endpoint.client(list_interfaces=no_interfaces)) as endpoint,
    ):
        client.send("今天开会")
        assert [each.number for each in client.search("开会")] == [1]  # it is indexed
        read = Read(bytes.fromhex(server.notebook_id), STREAM_ID, 1, FIRST, 0, 0, Query(words=("开", "会")))
        endpoint.send([(encode(read), ("127.0.0.1", server.port))])
        [(data, _)] = endpoint.receive(WAIT_SECONDS)
        page = decode(data)
        assert isinstance(page, Page)
        assert (page.state, [item[0] for item in page.items]) == (PageState.END, [1])


def search_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("udpnote search")]
