"""Live events: a browser that connects again gets the entries that it has missed, and none twice."""

import asyncio
import errno
import selectors
import shutil
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, suppress
from itertools import islice
from typing import Self, cast

import httpx
import pytest

from tests.support.loopback import Loopback
from tests.support.notebook_files import erase
from tests.support.page_server import ADA, Event, PageServer, entry
from tests.support.page_site import Site
from tests.support.processes import DEADLINE_SECONDS, eventually
from udpnote.client.client import Client
from udpnote.client.finding.answers import unreachable_notice
from udpnote.errors import ClientClosed, Notice
from udpnote.lan.udp_socket import SendError
from udpnote.model.entry import NOTHING_SEEN, SeenEntry, StoredEntry
from udpnote.page.follower import Follower
from udpnote.page.live_events import MISSED_ENTRIES_MAX, STREAMS_MAX, LiveEvents, cursor_text, parse_cursor
from udpnote.page.page_notebook import PageNotebook
from udpnote.page.responses import Refusal
from udpnote.page.routes import STREAMS_PER_HOST_MAX
from udpnote.page.worker_threads import Threads


def numbers(events: Iterator[Event], count: int) -> list[int]:
    """The numbers of the next entries among these events."""
    return [event.data["number"] for event in islice((each for each in events if each.name == "entry"), count)]


def test_a_stream_goes_on_after_the_last_event_that_a_browser_names(page: PageServer) -> None:
    page.store(entry(1, "before"))
    with page.events() as events:
        ready = next(events)
        assert (ready.name, ready.id, ready.data["newest"]) == ("ready", f"1-{ADA}-1", 1)
        page.store(entry(2, "买牛奶"), entry(3, "revised", kind="revision", revises=1), entry(4, kind="deletion", revises=3))
        stored = [next(events) for _ in range(3)]
    assert [(event.data["kind"], event.data["text"], event.data["note"]) for event in stored] == [
        ("note", "买牛奶", 2), ("revision", "revised", 1), ("deletion", "", 1),
    ]  # fmt: skip
    page.store(*(entry(number, "meanwhile") for number in range(5, 8)))
    seen = stored[1].id
    for last, path, headers in ((7, "/api/events", {"last-event-id": seen}), (8, f"/api/events?after={seen}", {})):
        with page.events(path, **headers) as events:
            assert next(events).data["newest"] == 3
            assert numbers(events, last - 3) == list(range(4, last + 1))
            page.store(entry(last + 1, "live"))
            assert numbers(events, 1) == [last + 1]


def test_more_entries_than_the_follower_keeps_are_read_from_the_notebook(page: PageServer) -> None:
    for start in range(1, 401, 100):
        page.store(*(entry(number, "many") for number in range(start, start + 100)))
    with page.events(f"/api/events?after=1-{ADA}-1") as events:
        assert next(events).name == "ready"
        assert numbers(events, 399) == list(range(2, 401))


def test_a_browser_that_is_far_behind_loads_its_notes_again(page: PageServer) -> None:
    for start in range(1, MISSED_ENTRIES_MAX + 101, 100):
        page.store(*(entry(number, "many") for number in range(start, start + 100)))
    with page.events(f"/api/events?after=1-{ADA}-1") as events:
        assert next(events).name == "ready"
        behind = next(events)
        assert (behind.name, behind.data["cause"]) == ("restored", "far_behind")
        assert parse_cursor(behind.id).number == MISSED_ENTRIES_MAX + 100


def test_after_a_restoration_browsers_load_their_notes_again_and_get_new_entries(
    loopback: Loopback, serve_page: Callable[..., PageServer]
) -> None:
    server = loopback.serve()
    page = serve_page(server)
    page.store(entry(1, "kept"))
    server.stop()
    shutil.copy(loopback.notebook(), loopback.folder / "copy")
    server = loopback.serve()
    page.store(entry(2, "lost"), entry(3, "lost"))
    with page.events() as events:
        newest = next(event for event in events if event.name == "ready").id
        server.stop()
        shutil.copy(loopback.folder / "copy", loopback.notebook())
        loopback.serve()
        page.store(entry(4, "new"))
        restored = next(event for event in events if event.name == "restored")
        assert restored.data == {"cause": "restored"}
        page.store(entry(5, "newer"))
        assert numbers(events, 1)[0] in (2, 3)
    with page.events(**{"last-event-id": newest}) as events:
        assert next(events).name == "restored", "another entry has the number now"
    assert loopback.texts() == ["kept", "new", "newer"]


def test_browsers_learn_of_a_server_started_again_and_get_no_erased_text(
    loopback: Loopback, serve_page: Callable[..., PageServer]
) -> None:
    server = loopback.serve()
    page = serve_page(server)
    page.store(entry(1, "kept"), entry(2, "erased"))
    with page.events() as events:
        before = next(events).data["served"]
        assert page.get("/api/state")["served"] == before
        server.stop()
        erase(loopback.notebook(), 2, 0)
        loopback.serve()
        again = next(event for event in events if event.name == "ready").data
    assert page.get("/api/state")["served"] == again["served"] != before
    with page.events(f"/api/events?after=1-{ADA}-1") as events:
        page.store(entry(3, "new"))
        assert numbers(events, 1) == [3], "the text of an erased note is not kept in memory"


def test_the_number_of_streams_is_limited_and_one_that_ends_makes_room(page: PageServer) -> None:
    with ExitStack() as others:
        for _ in range(STREAMS_MAX - 1):
            others.enter_context(page.http.stream("GET", "/api/events"))
        with page.http.stream("GET", "/api/events"):
            answer = page.http.get("/api/events")
            assert (answer.status_code, answer.json()["kind"]) == (503, "page_too_many_streams")
        eventually(lambda: page.http.head("/api/events").status_code == 200, "a place is free again")
        with page.events() as events:
            assert next(events).name == "ready"


def test_one_host_cannot_take_all_streams(page: PageServer) -> None:
    """Under a name of the LAN, even a browser on this machine counts as a host of the LAN."""
    with ExitStack() as streams:
        statuses = [
            streams.enter_context(page.http.stream("GET", "/api/events", headers={"Host": "pi.lan"})).status_code
            for _ in range(STREAMS_PER_HOST_MAX + 1)
        ]
    assert statuses == [200] * STREAMS_PER_HOST_MAX + [503]
    assert STREAMS_PER_HOST_MAX < STREAMS_MAX


OpenClient = Callable[[Callable[[Notice], None]], Client]


def open_no_client(_: Callable[[Notice], None]) -> Client:
    raise ClientClosed("client_closed")


@asynccontextmanager
async def stream_while_away(open_client: OpenClient) -> AsyncIterator[tuple[PageNotebook, AsyncIterator[bytes]]]:
    """Give the block the notebook of a page whose server is silent, and a live stream that has sent its first event, `away`."""
    threads = Threads()
    notebook = PageNotebook(open_client, threads, has_key=True)
    notebook.server.absence = Notice("page_server_silent")
    live = LiveEvents(notebook)
    stream = live.stream(None)
    assert (await anext(stream)).startswith(b"retry: ")
    assert (await anext(stream)).startswith(b"event: away\n")
    yield notebook, stream
    live.end()
    await stream.aclose()  # type: ignore[attr-defined]
    threads.close()


def test_a_server_that_answers_right_after_away_was_sent_is_reported_as_back() -> None:
    async def next_event() -> bytes:
        async with stream_while_away(open_no_client) as (notebook, stream):
            notebook.server.record_answer()
            return await anext(stream)

    assert asyncio.run(next_event()).startswith(b"event: back\n")


class SkippingSelector(selectors.DefaultSelector):
    """Does not wait until a timer is due: it adds the time until then to `skipped_seconds`."""

    skipped_seconds = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return the sockets that are ready. If none is, skip the time until the next timer; without a timer, wait."""
        ready = super().select(timeout and 0)
        if not ready and timeout:
            self.skipped_seconds += timeout
        return ready


class SkippingLoop(asyncio.SelectorEventLoop):
    """A loop in which timers expire at once, in their order, and `time` says when they would have expired."""

    def __init__(self) -> None:
        self._skipping = SkippingSelector()
        super().__init__(self._skipping)

    def time(self) -> float:
        return super().time() + self._skipping.skipped_seconds


def test_a_stream_without_events_sends_a_comment_before_a_proxy_takes_it_for_dead() -> None:
    async def comment() -> tuple[bytes, float]:
        async with stream_while_away(open_no_client) as (_, stream):
            began = asyncio.get_running_loop().time()
            return await anext(stream), asyncio.get_running_loop().time() - began

    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        sent, seconds = runner.run(comment())
    assert sent.startswith(b":")
    assert 5.0 < seconds < 60.0, "a usual proxy waits for a minute, and phones save power if nothing comes"


class FollowingClient:
    """A client that is told at the beginning that its server is silent, by `notice`, and waits until it is closed."""

    def __init__(self, on_notice: Callable[[Notice], None], notice: Notice) -> None:
        self._on_notice, self._notice = on_notice, notice
        self._is_closed, self.is_following = threading.Event(), threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def follow(self, **_: int) -> Iterator[StoredEntry]:
        self._on_notice(self._notice)
        self.is_following.set()
        assert self._is_closed.wait(DEADLINE_SECONDS)
        raise ClientClosed("client_closed")

    def close(self) -> None:
        self._is_closed.set()


@pytest.mark.parametrize(
    "notice",
    [
        Notice("server_silent"),
        *(
            unreachable_notice(("192.0.2.1", 6683), SendError(each, came_by_icmp=True))
            for each in (errno.ECONNREFUSED, errno.EHOSTUNREACH)
        ),
    ],
    ids=lambda notice: notice.kind,
)
def test_when_the_server_answers_again_a_follower_that_takes_it_for_silent_begins_anew(notice: Notice) -> None:
    """Otherwise new notes would appear up to a minute later, while browsers show that they are connected."""
    followers: list[FollowingClient] = []

    def open_client(on_notice: Callable[[Notice], None]) -> Client:
        if not isinstance(getattr(on_notice, "__self__", None), Follower):
            raise ClientClosed("client_closed")
        followers.append(FollowingClient(on_notice, notice))
        return cast(Client, followers[-1])

    async def count() -> int:
        async with stream_while_away(open_client) as (notebook, _):
            await asyncio.to_thread(eventually, lambda: bool(followers) and followers[0].is_following.is_set(), "it follows")
            notebook.server.record_answer()
            with suppress(AssertionError):
                await asyncio.to_thread(eventually, lambda: len(followers) == 2, "it follows with a new client", 5.0)
        return len(followers)

    assert asyncio.run(count()) == 2


@pytest.mark.parametrize(
    "text",
    [
        *("", "1", "1-2-3", f"1-{ADA}", f"-1-{ADA}-1", f"0-{ADA}-1"),
        *(f"1-{ADA}-x", f"1-{ADA}-{2**63}", f"１-{ADA}-1", f"1-{ADA}00-1"),
    ],
)
def test_an_id_that_no_event_has_is_refused(text: str) -> None:
    with pytest.raises(Refusal):
        parse_cursor(text)


def test_the_id_of_an_event_names_the_entry_seen_last() -> None:
    for seen in (NOTHING_SEEN, SeenEntry(2**63 - 1, b"a" * 16, 2**63 - 1)):
        assert parse_cursor(cursor_text(seen)) == seen


def test_a_stream_without_a_session_ends_when_this_machine_gets_the_key_of_the_sealed_notebook(site: Site) -> None:
    site.start(sealed=True)
    lines: list[str] = []

    def read() -> None:
        with httpx.stream("GET", f"{site.address}/api/events", timeout=30) as stream:
            for line in stream.iter_lines():
                lines.append(line)  # noqa: PERF402 (the test looks at them meanwhile)

    reading = threading.Thread(target=read, daemon=True)
    reading.start()
    eventually(lambda: "event: away" in lines)
    code = site.server.join_code
    assert code is not None
    site.join(code)
    site.send("secret")
    eventually(lambda: not reading.is_alive(), "the stream ends")
    assert "event: session_ended" in lines
    assert not [line for line in lines if "secret" in line]
