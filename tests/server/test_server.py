"""The server as a library: its name, addresses and keys, why it cannot serve, what it reports, and how it ends."""

import logging
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from tests.support.errors import raises
from tests.support.golden import STREAM_ID
from tests.support.killed import FORKING, printed_by
from tests.support.loopback import Loopback
from tests.support.processes import eventually
from udpnote import Server
from udpnote.errors import (
    AddressInUse,
    AddressUnavailable,
    InvalidSetting,
    NotebookInUse,
    Notice,
    OldKey,
    Queued,
    StorageError,
    UdpnoteError,
)
from udpnote.lan.interfaces import no_interfaces
from udpnote.lan.probing_endpoint import ProbingEndpoint
from udpnote.machine.names import host_name
from udpnote.model.entry import TEXT_BYTES_MAX, StoredEntry
from udpnote.model.join_code import join_code
from udpnote.model.query import FIRST, Query
from udpnote.protocol.codec.codec import decode, encode
from udpnote.protocol.reading_messages import Page, PageState, Read
from udpnote.server.loop import KEYS_SECONDS
from udpnote.server.sealing import KeyUse, wait_for_use
from udpnote.storage.key_file import key_path, read_key_file, rotated, write_key_file
from udpnote.storage.notebook.log import LOG_BYTES
from udpnote.storage.notebook.log_check import Mark

NOISE = (b"\0", b"UN", b"GET / HTTP/1.1\r\n\r\n", bytes(1200), b"\xff" * 1500, b"UN\x01\x03" + bytes(64))
WAIT_SECONDS = 30.0
"""Longer than anything here takes, and shorter than the server's housekeeping interval."""
IN_AN_HOUR = time.time_ns() // 1000 + 3_600_000_000

pytestmark = pytest.mark.usefixtures("own_settings")


@pytest.fixture
def endpoint() -> Iterator[ProbingEndpoint]:
    """The sockets of another program."""
    with closing(ProbingEndpoint(list_interfaces=no_interfaces)) as endpoint:
        yield endpoint


def local_server(path: Path | None, **options: object) -> Server:
    return Server(path, **{"bind": "127.0.0.1", "port": 0} | options)  # type: ignore[arg-type]


def test_the_default_notebook_is_in_the_users_folder_and_noise_gets_no_answer(
    loopback: Loopback, endpoint: ProbingEndpoint, tmp_path: Path
) -> None:
    with local_server(None) as server:
        assert (tmp_path / "home" / "notebook.sqlite3").exists()
        assert server.addresses == [f"127.0.0.1:{server.port}"]
        endpoint.send([(data, ("127.0.0.1", server.port)) for data in NOISE])
        assert loopback.client(port=server.port).send("今天开会").number == 1
        assert endpoint.receive(0.0) == []


def test_a_server_that_cannot_start_makes_no_notebook_and_no_folder(loopback: Loopback, tmp_path: Path) -> None:
    port = loopback.serve().port
    before = sorted(tmp_path.rglob("*"))
    with raises(AddressInUse, "port_taken", port=port):
        local_server(tmp_path / "new.sqlite3", port=port, sealed=True)
    for missing in (tmp_path / "no" / "such" / "folder.sqlite3", Path("no/such/folder.sqlite3")):
        with raises(StorageError, "folder_not_there", folder=os.path.realpath(missing.parent)):
            local_server(missing)
    for text_file in (tmp_path, tmp_path / "new.sqlite3", tmp_path / "no" / "notes.txt"):
        with pytest.raises(StorageError):
            local_server(tmp_path / "new.sqlite3", text_file=text_file)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_server_that_cannot_seal_its_notebook_leaves_it_to_the_next_one(path: Path) -> None:
    key_file = Path(key_path(str(path)))
    key_file.write_text("no key")
    with pytest.raises(StorageError):
        local_server(path, sealed=True)
    key_file.unlink()
    local_server(path, sealed=True).stop()


def test_the_id_stays_and_so_does_the_name_until_another_is_given(path: Path) -> None:
    names, ids = [], set()
    for name in (None, "厨房", None):
        server = local_server(path, name=name)
        server.stop()
        names.append(server.name)
        ids.add(server.notebook_id)
    assert names == [host_name(), "厨房", "厨房"]
    assert [len(bytes.fromhex(each)) for each in ids] == [16]


def test_a_bad_or_taken_option_is_an_error_and_takes_nothing(path: Path, tmp_path: Path) -> None:
    bad: list[dict[str, object]] = [{"name": "  "}, {"name": "x" * 129}, {"name": "\ud800"}, {"port": -1}, {"port": 65536}]
    for options in bad:
        with pytest.raises(InvalidSetting):
            local_server(path, **options)
        assert not path.exists()
    wrong: list[tuple[str, object]] = [
        ("port", "x"), ("port", "6683"), ("port", True), ("port", 1.5), ("sealed", "no"), ("sealed", 1), ("name", 5),
        ("bind", b"::1"), ("text_file", 5), ("on_stored", "print"), ("on_notice", None),
    ]  # fmt: skip
    for name, value in wrong:
        with pytest.raises(TypeError, match=name):
            local_server(path, **{name: value})
        assert not path.exists()
    with local_server(tmp_path / "first.sqlite3") as first:
        with pytest.raises(AddressInUse) as taken:
            local_server(path, port=first.port)
        with pytest.raises(AddressUnavailable):
            Server(path, bind="198.51.100.1", port=0)
        with pytest.raises(NotebookInUse):
            local_server(tmp_path / "first.sqlite3")
        local_server(path).stop()
        assert taken.value.__traceback__ is not None, "the traceback has all that the first attempt has left open"


def test_each_new_entry_is_announced_once_in_order(loopback: Loopback, path: Path) -> None:
    announced: list[StoredEntry] = []
    texts = [f"line {number}" for number in range(1000)]
    for few in (["old"], texts):
        announced.clear()
        with local_server(path, on_stored=announced.append) as server:
            assert len(list(loopback.client(port=server.port).send_many(few))) == len(few)
    assert sorted(stored.entry.text for stored in announced) == sorted(texts)
    assert [stored.number for stored in announced] == list(range(2, len(texts) + 2))


@pytest.mark.parametrize("how", ["start", "serve_forever", "not at all"])
def test_stop_ends_a_server_frees_port_and_file_and_it_is_not_started_again(path: Path, loopback: Loopback, how: str) -> None:
    server = local_server(path, name="厨房")
    assert repr(server) == f"<Server '厨房' (id {server.notebook_id}) at 127.0.0.1:{server.port}, not started>"
    thread = threading.Thread(target=server.serve_forever)
    if how == "start":
        assert server.start() is server
    elif how == "serve_forever":
        thread.start()
    if how != "not at all":
        assert loopback.client(port=server.port).send("今天开会").number == 1
        assert repr(server).endswith("serving>")
        for again in (server.start, server.serve_forever):
            with raises(UdpnoteError, "server_started"):
                again()
    server.stop()
    if how == "serve_forever":
        thread.join(WAIT_SECONDS)
    assert not thread.is_alive()
    server.stop()
    assert repr(server).endswith("stopped>")
    server.serve_forever()  # returns at once
    with raises(UdpnoteError, "server_ended"), server:
        pytest.fail("it would serve nothing")
    local_server(path, port=server.port).stop()


def test_a_server_that_is_forgotten_unstarted_warns_and_frees_its_port(path: Path) -> None:
    server = local_server(path)
    port = server.port
    with pytest.warns(ResourceWarning, match="neither started nor stopped"):
        del server
    local_server(path, port=port).stop()
    program = f"from udpnote import Server; kept = Server({str(path)!r}, bind='127.0.0.1', port={port})"
    done = subprocess.run([sys.executable, "-W", "default", "-c", program], capture_output=True, text=True, check=True)
    assert ("neither started nor stopped" in done.stderr, "Traceback" in done.stderr) == (True, False)


def test_a_child_process_cannot_serve_and_neither_closes_nor_stops_the_server(loopback: Loopback, path: Path) -> None:
    loopback.reserve_port()
    program = f"""{FORKING}
import gc
from udpnote import Client, Server
def forget():
    global server
    del server
    gc.collect()
server = Server({str(path)!r}, bind="127.0.0.1", port={loopback.port})
in_child(server.start)
in_child(server.stop)
in_child(forget)
with server, Client(server="127.0.0.1:{loopback.port}", outbox={str(loopback.folder / "outbox.sqlite3")!r}, wait=5.0) as client:
    in_child(server.stop)
    print(client.send("to the parent").number)
print("stopped")
"""
    assert printed_by(program).split() == ["server_of_another_process", "None", "None", "None", "1", "stopped"]


def test_a_stopped_server_frees_its_port_and_file_although_a_child_process_lives_on(loopback: Loopback, path: Path) -> None:
    loopback.reserve_port()
    program = f"""
import os
from udpnote import Server
for _ in range(2):
    with Server({str(path)!r}, bind="127.0.0.1", port={loopback.port}):
        reader, writer = os.pipe()
        if not os.fork():
            os.close(writer)
            os.read(reader, 1)
            os._exit(0)
    print("stopped")
"""
    assert printed_by(program).split() == ["stopped"] * 2


def test_a_server_may_be_stopped_by_its_callback(loopback: Loopback, path: Path) -> None:
    servers: list[Server] = []
    servers.append(local_server(path, on_stored=lambda _: servers[0].stop()))
    servers[0].start()
    loopback.client(port=servers[0].port).send("the last one")
    eventually(lambda: repr(servers[0]).endswith("stopped>"))
    servers[0].stop()
    local_server(path, port=servers[0].port).stop()


def test_a_failing_write_is_reported_and_the_entry_stored_later(loopback: Loopback, path: Path) -> None:
    notices: list[Notice] = []
    with local_server(path, on_notice=notices.append) as server, closing(sqlite3.connect(path)) as other:
        client = loopback.client(server="127.0.0.1", port=server.port, wait=0.5)
        other.execute("ALTER TABLE entries RENAME TO hidden")
        with pytest.raises(Queued):
            client.send("今天开会")
        other.execute("ALTER TABLE hidden RENAME TO entries")
        client.deliver(wait=WAIT_SECONDS)
        assert client.waiting_counts() == []
    assert [notice.kind for notice in notices] == ["storage_fails"]


def test_a_long_log_is_copied_into_the_file_soon_after_the_last_entry(loopback: Loopback, path: Path) -> None:
    with local_server(path) as server, closing(sqlite3.connect(path)) as reader:
        assert path.with_name(f"{path.name}-wal").stat().st_size >= LOG_BYTES, "it has its full length from the start"

        def mark() -> Mark:
            mark = Mark.read(reader)
            assert mark is not None
            return mark

        client, before = loopback.client(port=server.port), mark()
        for length in (*[TEXT_BYTES_MAX] * 3, *[1000] * (LOG_BYTES // 1000)):  # in the end few bytes, each in one datagram
            client.send("x" * length)
            if mark().checkpoint != before.checkpoint:
                break
        assert length == 1000
        eventually(lambda: mark().is_open, "the whole log is copied", WAIT_SECONDS)


def test_without_a_callback_notices_go_to_the_log_as_facts(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    home = path.parent / "home"
    home.mkdir(mode=0o755)
    local_server(path).stop()
    [record] = caplog.records
    assert (record.name, record.levelno) == ("udpnote.server", logging.WARNING)
    assert isinstance(record.msg, Notice) and str(home) in record.getMessage()


def test_a_search_thread_wakes_the_server_and_ends_with_it(loopback: Loopback, endpoint: ProbingEndpoint, path: Path) -> None:
    def search_threads() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread.name.startswith("udpnote search")]

    with local_server(path) as server:
        client = loopback.client(port=server.port)
        client.send("今天开会")
        assert not search_threads(), "nobody has searched"
        assert [each.number for each in client.search("开会")] == [1]  # it is indexed
        read = Read(bytes.fromhex(server.notebook_id), STREAM_ID, 1, FIRST, 0, 0, Query(words=("开", "会")))
        endpoint.send([(encode(read), ("127.0.0.1", server.port))])
        [(data, _)] = endpoint.receive(WAIT_SECONDS)  # though nothing else arrives at the server meanwhile
        page = decode(data)
        assert isinstance(page, Page)
        assert (page.state, [item[0] for item in page.items]) == (PageState.END, [1])
        assert len(search_threads()) == 1
    assert not search_threads()


def test_a_new_key_is_taken_up_and_the_earlier_one_accepted_for_its_time(loopback: Loopback) -> None:
    notices: list[Notice] = []
    server = loopback.serve(sealed=True, on_notice=notices.append)
    client, file = loopback.client(), key_path(str(loopback.notebook()))

    def announces(has_new_key: bool) -> bool:
        return [found.has_new_key for found in client.find(timeout=0.1)] == [has_new_key]

    keys = read_key_file(file)
    assert keys is not None and server.join_code == join_code(keys.current)
    client.join(server.join_code)
    for new, accepted_until in ((b"m" * 16, IN_AN_HOUR), (b"n" * 16, 0)):
        keys = rotated(keys, new, accepted_until=accepted_until)
        write_key_file(file, keys, notebook_name="kitchen")
        assert wait_for_use(str(loopback.notebook()), new) is KeyUse.IN_USE
        assert server.join_code == join_code(new)
        eventually(partial(announces, not accepted_until))
    with pytest.raises(OldKey):
        list(client.entries())
    assert notices == [Notice("notebook_key_changed")] * 2


def test_a_damaged_or_missing_key_file_is_reported_once_and_the_server_goes_on(loopback: Loopback) -> None:
    notices: list[Notice] = []
    server = loopback.serve(sealed=True, on_notice=notices.append)
    client, file, code = loopback.client(), key_path(str(loopback.notebook())), server.join_code
    assert code is not None
    client.join(code)

    def finds(condition: Callable[[], bool]) -> None:
        eventually(lambda: any(client.find(timeout=0.1)) and condition())

    Path(file).write_text("key =")
    finds(lambda: notices != [])
    looked_at = time.monotonic() + 2 * KEYS_SECONDS
    finds(lambda: time.monotonic() > looked_at)
    assert client.send("still here").number == 1
    [notice] = notices
    assert (notice.kind, code in str(notice)) == ("key_file_not_read", False)
    os.unlink(file)
    finds(lambda: len(notices) == 2)
    missing = notices[1].values["error"]
    assert isinstance(missing, UdpnoteError) and missing.notice == Notice("key_file_missing", path=file)


def test_a_server_whose_file_is_deleted_ends_and_acknowledges_nothing(loopback: Loopback) -> None:
    notices: list[Notice] = []
    server = loopback.serve(on_notice=notices.append)
    client = loopback.client()
    client.send("before")
    loopback.notebook().unlink()
    with pytest.raises(Queued):
        client.send("after", wait=1.0)
    assert server._thread is not None
    server._thread.join(WAIT_SECONDS)
    assert not server._thread.is_alive()
    assert [notice.kind for notice in notices] == ["notebook_lost"]
