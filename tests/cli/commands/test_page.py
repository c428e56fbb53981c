"""`udpnote page` and `serve --page` as processes: what they print, how they end, and what they leave."""

import os
import signal
import socket
import ssl
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.support.machine import Machine
from tests.support.notebook_files import no_indexing
from tests.support.page_site import free_tcp_port
from tests.support.processes import eventually, free_port


@pytest.mark.parametrize(("number", "options"), [(signal.SIGINT, []), (signal.SIGTERM, []), (signal.SIGTERM, ["--https"])])
def test_a_page_with_an_open_stream_and_half_a_request_ends_at_a_signal_in_one_sentence(
    machine: Machine, number: int, options: list[str]
) -> None:
    machine.serve("kitchen")
    port, scheme = free_tcp_port(), "https" if options else "http"
    page = machine.start("page", "--bind", "127.0.0.1", "--port", str(port), *options)
    page.expect_error(rf"kitchen .*\n.*{scheme}://127\.0\.0\.1:{port}\n(.*\n)*.*Ctrl-C\n.*only browsers on this machine.*\n")
    origin = f"{scheme}://127.0.0.1:{port}"
    half = f"POST /api/entries HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: {origin}\r\nContent-Length: 9\r\n\r\n["
    with (
        httpx.Client(base_url=origin, verify=False) as http,
        http.stream("GET", "/api/events") as stream,
        _connected(port, is_secure=bool(options)) as sending,
    ):
        sending.sendall(half.encode())
        assert "ready" in next(text for text in stream.iter_text() if "event" in text)
        page.signal(number)
        ended = page.wait()
    sentences = ended.err.partition("Ctrl-C\n")[2].splitlines()
    assert ended.code == 0 and all(each.startswith("udpnote: ") for each in sentences), ended.err
    assert sentences[-1].startswith("udpnote: the page has ended")


def _connected(port: int, *, is_secure: bool) -> socket.socket:
    """Connect to a page at `port` of this machine, over TLS if `is_secure`, whatever its certificate."""
    connection = socket.create_connection(("127.0.0.1", port))
    if not is_secure:
        return connection
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(connection)


def test_the_page_says_in_the_language_of_its_terminal_why_browsers_cannot_use_the_notebook(machine: Machine) -> None:
    machine.serve("kitchen")
    port = free_port()
    page = machine.start("page", "--bind", "127.0.0.1", "--port", str(port))
    page.expect_error("only browsers on this machine")
    for file in machine.home.glob("outbox*"):
        file.write_bytes(b"not an outbox")
    address = f"http://127.0.0.1:{port}/api/notes"
    answer = httpx.get(address, headers={"Accept-Language": "zh-CN"}, timeout=20.0)
    assert answer.json()["kind"] == "other_kind_of_file"
    page.expect_error(f"browsers cannot use the notebook now: .*{machine.outbox}")
    for file in machine.home.glob("outbox*"):
        file.unlink()
    eventually(lambda: httpx.get(address, timeout=20.0).status_code == 200, "the page makes a new outbox")
    page.end(signal.SIGTERM)


def test_the_page_says_when_the_search_index_is_not_ready(machine: Machine) -> None:
    machine.serve("kitchen")
    machine.send("milk")
    assert len(machine.run("search", "milk").lines) > 0
    port = free_port()
    page = machine.start("page", "--bind", "127.0.0.1", "--port", str(port))
    page.expect_error("only browsers on this machine")
    with no_indexing(machine.notebook):
        machine.send("more milk")
        answer = httpx.get(f"http://127.0.0.1:{port}/api/notes?q=milk", timeout=20.0)
    assert (answer.status_code, answer.json()["kind"]) == (503, "page_index_being_built")
    page.end(signal.SIGTERM)


def test_a_taken_port_is_named(machine: Machine) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        machine.refused("page", "--bind", "127.0.0.1", "--port", str(port), facts=[port, "--port"])


@pytest.mark.parametrize("name", ["", "*", "a b", "http://x/", "$(x)", "pi:6680"])
def test_only_a_host_can_be_allowed(machine: Machine, name: str) -> None:
    machine.refused("page", "--allow-host", name, code=2, facts=["--allow-host", repr(name)])
    machine.refused("serve", "--page-allow-host", name, code=2, facts=["--page-allow-host", repr(name)])


@pytest.mark.parametrize(
    ("number", "option", "scheme"), [(signal.SIGINT, "--page", "http"), (signal.SIGKILL, "--page-https", "https")]
)
def test_the_page_beside_a_server_listens_where_the_server_does_and_ends_with_it(
    machine: Machine, number: int, option: str, scheme: str
) -> None:
    address = f"127.{machine.port >> 8}.{machine.port & 255}.9"  # no other test has it, so port 6680 is free there
    server = machine.start("serve", "--bind", address, "--port", str(machine.port), "--name", "kitchen", option)
    server.expect_error(rf"{scheme}://{address}:6680\n")
    with httpx.Client(base_url=f"{scheme}://{address}:6680", timeout=20.0, verify=False) as http:
        assert http.get("/api/state").json()["notebook"]["name"] == "kitchen"
        server.signal(number)
        server.expect_error("the page has ended")


def test_the_page_of_a_sealed_notebooks_server_has_its_own_port_and_name_and_asks_for_the_code(machine: Machine) -> None:
    address, port = f"127.{machine.port >> 8}.{machine.port & 255}.9", free_port()
    where = ("--bind", address, "--port", str(machine.port), "--file", str(machine.home / "elsewhere.sqlite3"), "--sealed")
    server = machine.start("serve", *where, "--page-port", str(port), "--page-allow-host", "notes.example")
    server.expect_error(rf"http://{address}:{port}\n")
    state = httpx.get(f"http://{address}:{port}/api/state", headers={"Host": "notes.example"}, timeout=20.0).json()
    assert state["needs_code"]
    server.end(signal.SIGTERM)
    assert "its notebook is not" not in server.errors, "without a code, the page does not complain that no server answers"


def test_a_page_for_a_notebook_that_the_named_server_does_not_have_ends_and_says_so_once(machine: Machine) -> None:
    machine.serve("kitchen")
    where = ("--bind", "127.0.0.1", "--port", str(free_port()), "--server", f"127.0.0.1:{machine.port}")
    error = machine.refused("page", *where, "--notebook", "attic", facts=["kitchen"])
    assert error.count("not attic") == 1, error


def test_a_server_says_that_its_page_was_killed_and_goes_on_and_ends_without_it(machine: Machine) -> None:
    address = f"127.{machine.port >> 8}.{machine.port & 255}.9"
    server = machine.start("serve", "--bind", address, "--port", str(machine.port), "--page-port", str(free_port()))
    server.expect_error(rf"http://{address}:\d+\n")
    (page,) = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    os.kill(int(page), signal.SIGKILL)
    server.expect_error("SIGKILL has ended the page")
    server.end(signal.SIGTERM)
    assert "the page has ended" not in server.errors
