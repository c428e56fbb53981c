"""The server: a notebook on the LAN, batch by batch.

The loop is single-threaded and batch-first: wait for a datagram, take all that is there, decode it, store it in one
transaction with one fsync, then send the acknowledgements. The more arrives, the larger the batches, the less an fsync
costs each entry.

Readers are served between the batches, in short slices: so a query does not hold up an acknowledgement for longer than a
slice and the one step of the lookup that it ends with. The one thing of which no step is short, whatever texts were made for
it, is a search: it is done in a thread of its own. While entries keep coming, readers get a share of the time; whoever wants
to read a million entries then waits for whoever wants to write one. The search index is looked after when nothing comes, in
slices, too.
"""

import os
import platform
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from udpnote.errors import InvalidSetting, StorageError, UdpnoteError
from udpnote.lan.endpoint import Endpoint
from udpnote.lan.udp_socket import format_address
from udpnote.model.entry import StoredEntry
from udpnote.protocol.messages import NAME_BYTES_MAX
from udpnote.protocol.reception import IN_THE_OPEN, Envelopes
from udpnote.server.request_handler import RequestHandler
from udpnote.settings import find_places, load_settings
from udpnote.storage.index.search_worker import SearchThread
from udpnote.storage.notebook.notebook import Notebook
from udpnote.storage.permissions import too_open

if TYPE_CHECKING:
    from udpnote.server.sealing import SealingKeys
    from udpnote.storage.text_mirror import TextFile

HOUSEKEEPING_SECONDS = 60.0
"""How often drops are reported, new interfaces are listened on and stale fragments are forgotten."""

READING_SLICE_SECONDS = 0.002
"""How long readers are served before the next look at what has arrived; a lookup's longest step comes on top."""

BUSY_READING_SLICE_SECONDS = 0.001
"""The same while entries keep coming."""

BUSY_SECONDS = 0.1
"""Entries that came so recently count as keeping coming."""

READING_PAUSE_RATIO = 7
"""While entries keep coming, readers get one part of the time, and entries so many."""

INDEXING_SLICE_SECONDS = 0.004
"""How long the index is worked at before the next look at what has arrived."""

QUIET_SECONDS = 0.05
"""When nothing has come for so long, the index is looked after."""

KEYS_SECONDS = 1.0
"""How often the server of a sealed notebook looks whether its key was changed: who takes one back wants it to hold soon."""

STORAGE_RETRY_SECONDS = 1.0
"""After a failing write: clients resend anyway, and a broken disk is not helped by hammering it."""


class Server:
    """A notebook's server: `with Server("notes.sqlite3"):` serves in a background thread, `run()` in this one.

    `notebook` is the file, made if it is not there (default: the one in the user's data directory); `name` is what people
    call it (default: the name it has, or this host's); `bind` an address to listen on (default: all of them); `port` 0 takes
    any free one; `sealed` says that only who has the notebook's key is answered, which is made with a new notebook; `text_file`
    is a plain text file to keep beside the notebook, for any editor. `on_stored` is called with each new entry, `on_notice`
    with each message that whoever runs the server should see: at once with those about files that others can read, and
    afterwards both in a thread of the server's, so they must not block it. What is not given is taken from the environment,
    the settings file or the defaults, as by the `udpnote` command.

    Raises `StorageError`, `AddressInUse`, `AddressUnavailable`, `InvalidSetting`, `NotebookSealed` or `NotebookOpen` at once
    where it cannot serve.
    """

    def __init__(
        self,
        notebook: str | os.PathLike[str] | None = None,
        *,
        name: str | None = None,
        bind: str | None = None,
        port: int | None = None,
        sealed: bool | None = None,
        text_file: str | os.PathLike[str] | None = None,
        on_stored: Callable[[StoredEntry], None] | None = None,
        on_notice: Callable[[str], None] | None = None,
    ) -> None:
        if port is not None and not 0 <= port < 65536:
            raise InvalidSetting(f"port must be a UDP port from 0 to 65535, not {port}")
        settings = load_settings({"name": name, "bind": bind, "port": port or None, "sealed": sealed})
        name, bind, port = settings.name, settings.bind, settings.port if port is None else port
        if name is not None:
            _check_name(name)
        self._on_stored = on_stored
        self._on_notice = on_notice or _ignore
        self._text_file: TextFile | None = None
        self._search_thread = SearchThread(lambda: self._endpoint.wake())
        notebook = os.fspath(notebook if notebook is not None else settings.notebook)
        text_file = os.fspath(text_file) if text_file is not None else settings.text_file
        self._notebook = Notebook(notebook)
        try:
            new_name = name or self._notebook.name or platform.node() or "notebook"
            self._seal = _open_seal(self._notebook, is_wanted=settings.sealed, name=new_name)
            if new_name != self._notebook.name:
                self._notebook.rename(new_name)
            self._endpoint = Endpoint.listen(bind, port)
        except BaseException:
            self._notebook.close()
            raise
        try:
            self._text_file = self._open_text_file(text_file)
            for notice in too_open(filter(None, (notebook, text_file)), find_places(os.environ).folders):
                self._on_notice(notice)
        except BaseException:
            self.close()
            raise
        self._envelopes = self._seal.envelopes(time.time_ns() // 1000) if self._seal is not None else IN_THE_OPEN
        self._keys_at, self._keys_complaint = time.monotonic() + KEYS_SECONDS if self._seal is not None else float("inf"), ""
        self._handler = RequestHandler(self._notebook, self._envelopes, executor=self._search_thread)
        self._name, self._notebook_id = self._notebook.name, self._notebook.notebook_id.hex()
        self._addresses = [format_address(address) for address in self._endpoint.addresses]
        self._port = self._endpoint.port
        self._announced = self._notebook.last_number
        self._housekeeping_at = time.monotonic() + HOUSEKEEPING_SECONDS
        self._failing_silently_until = 0.0
        self._stored_at = float("-inf")
        self._reading_at = self._indexing_at = 0.0
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def name(self) -> str:
        """What people call the notebook."""
        return self._name

    @property
    def notebook_id(self) -> str:
        """The notebook's id, 32 hexadecimal digits."""
        return self._notebook_id

    @property
    def join_code(self) -> str | None:
        """What clients join a sealed notebook with; None: it is open."""
        if self._seal is None:
            return None
        from udpnote.model.join_code import join_code

        return join_code(self._seal.keys.current)

    @property
    def addresses(self) -> list[str]:
        """Where the server listens, as `address:port`."""
        return self._addresses

    @property
    def port(self) -> int:
        """The UDP port that the server listens on."""
        return self._port

    def run(self) -> None:
        """Serve until `stop` is called, then close. Entries that were acknowledged are safe, whatever happens."""
        try:
            while not self._stopped.is_set():
                self._serve_batch()
        finally:
            self.close()

    def close(self) -> None:
        """Let go of the port and the file; `run` does it by itself, also in the background."""
        self._endpoint.close()
        if self._text_file is not None:
            self._text_file.close()
        self._notebook.close()
        self._search_thread.close()

    def stop(self) -> None:
        """End `run` within a moment; may be called from any thread or a signal handler."""
        self._stopped.set()
        self._endpoint.wake()

    def __enter__(self) -> Self:
        if self._stopped.is_set():
            raise UdpnoteError("this server has ended: make another one")
        self._thread = threading.Thread(target=self.run, name="udpnote server", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.stop()
        assert self._thread is not None
        self._thread.join()

    def _look_at_keys(self) -> None:
        """Take up the keys of a sealed notebook, which its owner may have changed; what cannot be read changes nothing."""
        assert self._seal is not None, "an open notebook has no keys"
        self._keys_at = time.monotonic() + KEYS_SECONDS
        try:
            before = self._seal.keys.current
            self._seal.read_again()
            self._keys_complaint = ""
            if self._seal.keys.current != before:
                self._on_notice("the notebook's key was changed, and is in force: `udpnote key show` prints its join code")
        except StorageError as error:
            if str(error) != self._keys_complaint:
                self._keys_complaint = str(error)
                self._on_notice(f"{error}; until then the keys stay what they were")
        self._use(self._seal.envelopes(time.time_ns() // 1000))

    def _use(self, envelopes: Envelopes) -> None:
        if envelopes != self._envelopes:
            self._envelopes = envelopes
            self._handler.use(envelopes)

    def _serve_batch(self) -> None:
        batch = self._endpoint.receive(max(0.0, self._due_at() - time.monotonic()))
        try:
            if batch:
                if not self._handler.is_index_awaited:
                    self._indexing_at = time.monotonic() + QUIET_SECONDS
                before = self._notebook.last_number
                self._endpoint.send(self._handler.handle(batch, time.time_ns() // 1000))
                if self._notebook.last_number > before:
                    self._stored_at = time.monotonic()
                    self._announce()
            self._serve_readers()
            if not batch or self._handler.is_index_awaited:
                self._keep_index()
            if time.monotonic() >= self._keys_at:
                self._look_at_keys()
            if time.monotonic() >= self._housekeeping_at:
                self._keep_house()
        except StorageError as error:
            self._failing(error)

    def _due_at(self) -> float:
        """When there is something to do, whether anything arrives or not."""
        due_at = min(self._housekeeping_at, self._keys_at)
        if self._handler.has_readers:
            due_at = min(due_at, self._reading_at)
        if self._is_index_due_first:
            due_at = min(due_at, self._indexing_at)
        timeout = self._handler.next_timeout()
        return due_at if timeout is None else min(due_at, timeout)

    def _serve_readers(self) -> None:
        """Serve readers for a slice of time; while entries keep coming, a short one, and then not for a while."""
        now = time.monotonic()
        if now < self._reading_at and self._handler.has_readers:
            return
        is_busy = now - self._stored_at < BUSY_SECONDS
        until = now + (BUSY_READING_SLICE_SECONDS if is_busy else READING_SLICE_SECONDS)
        self._endpoint.send(self._handler.serve_readers(now, lambda: time.monotonic() >= until))
        if is_busy:
            end = time.monotonic()
            self._reading_at = end + READING_PAUSE_RATIO * (end - now)

    @property
    def _is_index_due_first(self) -> bool:
        """Whether the index is to be looked after, and not readers: they have had their turn, or they wait for it."""
        return not self._handler.is_indexed and (self._handler.is_index_awaited or not self._handler.has_readers)

    def _keep_index(self) -> None:
        """Work at the index for a slice of time, if nothing has come for a while, or half of the time if it is waited for."""
        now = time.monotonic()
        if now >= self._indexing_at and self._is_index_due_first:
            until = now + INDEXING_SLICE_SECONDS
            index = self._notebook.lookup.index
            before = index.transactions
            self._handler.keep_index(lambda: time.monotonic() >= until)
            end = time.monotonic()
            if end - self._stored_at < BUSY_SECONDS:
                self._indexing_at = end + (end - now)
            if index.transactions == before:  # its disk is full, or another process is at it: asking at once again is no use
                self._indexing_at = time.monotonic() + QUIET_SECONDS

    def _open_text_file(self, path: str | None) -> "TextFile | None":
        if path is None:
            return None
        from udpnote.storage.text_mirror import TextFile  # here, because most servers keep none

        return TextFile(path, self._notebook.path, self._on_notice)

    def _announce(self) -> None:
        """Tell whoever wants to know about the entries of this batch."""
        if self._text_file is not None:
            self._text_file.notice_stored()
        if self._on_stored is None:
            return
        for stored in self._notebook.entries_after(self._announced):
            self._on_stored(stored)
        self._announced = self._notebook.last_number

    def _keep_house(self) -> None:
        self._housekeeping_at = time.monotonic() + HOUSEKEEPING_SECONDS
        self._endpoint.refresh()
        drops = self._handler.drops()
        if drops:
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in drops.most_common())
            self._on_notice(f"{drops.total():,} datagrams dropped in the last minute: {reasons}")
        refused = self._handler.refused_for_space()
        if refused:
            self._on_notice(
                f"the disk is full: {refused:,} entries were refused in the last minute and wait in their outboxes; "
                f"free some space where {self._notebook.path} is"
            )
        self._notebook.expire_fragments(time.time_ns() // 1000)

    def _failing(self, error: StorageError) -> None:
        """Go on after a failing write: nothing was acknowledged, so every client still has its entries."""
        now = time.monotonic()
        if now >= self._failing_silently_until:
            self._failing_silently_until = now + HOUSEKEEPING_SECONDS
            self._on_notice(f"{error}; entries stay in their outboxes until this is mended")
        self._stopped.wait(STORAGE_RETRY_SECONDS)


def _open_seal(notebook: Notebook, *, is_wanted: bool, name: str) -> "SealingKeys | None":
    """What keeps a notebook sealed, where it is, or is to be; None: it is open."""
    if not is_wanted and not notebook.is_sealed:
        return None
    from udpnote.server.sealing import open_sealing_keys  # here, because an open notebook needs nothing of it

    return open_sealing_keys(notebook, is_wanted=is_wanted, name=name)


def _check_name(name: str) -> None:
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise InvalidSetting("the notebook's name is not valid UTF-8") from None
    if not name.strip() or size > NAME_BYTES_MAX:
        raise InvalidSetting(f"a notebook's name has 1 to {NAME_BYTES_MAX} bytes of UTF-8, and this one has {size}")


def _ignore(_: str) -> None:
    """What is done with notices that nobody asked for."""
