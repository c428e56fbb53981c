"""The server: a notebook on the LAN, served batch by batch.

One thread runs the loop: wait for a datagram, take all that have arrived, decode them, store their entries in one transaction
with one fsync, then send the acknowledgements. The more datagrams arrive, the more entries share one fsync.

Between the batches the loop serves readers in short slices of time, so a query delays an acknowledgement by at most one slice
and one step of a lookup. Only searches in the full-text index have long steps, so another thread does them. While entries keep
coming, readers get a fixed share of the time: reading a million entries must not delay writing one. When nothing arrives, the
loop updates the search index, also in slices.
"""

import logging
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import ExitStack, closing
from types import TracebackType
from typing import Self

from udpnote.errors import InvalidSetting, NotebookLost, Notice, StorageError, UdpnoteError
from udpnote.lan.udp_socket import format_address
from udpnote.machine.clock import wall_microseconds
from udpnote.model.address import Datagram
from udpnote.model.argument_types import check_type
from udpnote.model.entry import StoredEntry
from udpnote.model.notebook import check_notebook_name
from udpnote.protocol.messages import NAME_BYTES_MAX
from udpnote.protocol.reception import OPEN_ENVELOPES, Envelopes
from udpnote.server.arrivals import Arrivals
from udpnote.server.request_handler import RequestHandler
from udpnote.server.schedule import Schedule
from udpnote.server.startup import listen, name_and_seal, open_text_file
from udpnote.settings import absolute_path, find_places, load_settings
from udpnote.storage.database import make_own_folder
from udpnote.storage.index.search_worker import SearchThread
from udpnote.storage.notebook.notebook import Notebook
from udpnote.storage.permissions import too_open
from udpnote.storage.text_mirror import check_text_file

HOUSEKEEPING_SECONDS = 60.0
"""The time between two rounds of housekeeping (see `Server._clean_up`), and between two notices about an error of the disk."""

READING_SLICE_SECONDS = 0.002
"""How long the loop serves readers before it receives datagrams again. It finishes a step of a lookup that has begun."""

BUSY_READING_SLICE_SECONDS = 0.001
"""The same as `READING_SLICE_SECONDS`, but while entries keep coming (see `schedule.KEEP_COMING_SECONDS`)."""

READING_PAUSE_RATIO = 7
"""While entries keep coming, the pause after a slice for readers is this many times as long as the slice."""

INDEXING_SLICE_SECONDS = 0.004
"""How long the loop updates the search index before it receives datagrams again."""

QUIET_SECONDS = 0.05
"""The loop updates the search index when no datagram has arrived for this long."""

KEYS_SECONDS = 1.0
"""The time between two readings of a sealed notebook's key file. It is short, so that a revoked key soon stops working."""

STORAGE_RETRY_SECONDS = 1.0
"""After an error of the disk that no request caused, the loop neither serves readers nor updates the index for this long.
Clients send again anyway, and more attempts do not repair a disk."""

_LOGGER = logging.getLogger("udpnote.server")


class Server:
    """A notebook's server. The constructor binds its UDP port. It serves from `start` or `serve_forever` on, until `stop`.

    `with Server("notes.sqlite3") as server:` starts the server, and stops it at the end of the block. A server that has stopped
    cannot serve again.

    - `file`: the notebook's file, which is created if it does not exist. Default: the one in the user's data directory.
    - `name`: the notebook's name, 1 to 128 bytes of UTF-8. Default: the name it has, or this host's name.
    - `bind`: the address to listen on. Default: all. `port`: the UDP port; 0: any free one. Default: the first free of four.
    - `sealed`: whether the server answers only clients that have the notebook's key. If so, a new notebook gets a new key.
    - `text_file`: the path of a text file in which the server keeps a copy of the notes. Default: none.
    - `on_stored`: the server's thread calls it with each new entry. It must not block.
    - `on_notice`: called with each `Notice` for the server's owner, for example about a full disk or dropped datagrams. The
      constructor calls it with notices about its port and its files, the server's threads with all others. It must not
      block. Default: each notice becomes a warning of the logger `udpnote.server`.

    For arguments that are not given, the environment, the settings file or the defaults apply, as for the `udpnote` command.

    The constructor raises `StorageError`, `AddressInUse`, `AddressUnavailable`, `InvalidSetting`, `NotebookSealed` or
    `NotebookOpen` if it cannot serve.
    """

    # Notices go to a callback. So `udpnote serve` can print them without `logging`, which is only the default.
    def __init__(
        self,
        file: str | os.PathLike[str] | None = None,
        *,
        name: str | None = None,
        bind: str | None = None,
        port: int | None = None,
        sealed: bool | None = None,
        text_file: str | os.PathLike[str] | None = None,
        on_stored: Callable[[StoredEntry], None] | None = None,
        on_notice: Callable[[Notice], None] = _LOGGER.warning,
    ) -> None:
        for argument, value, kind in (("port", port, int), ("sealed", sealed, bool)):
            if value is not None:
                check_type(argument, value, kind)
        if port is not None and not 0 <= port < 65536:
            raise InvalidSetting("server_port_invalid", port=port)
        settings = load_settings({"name": name, "bind": bind, "port": port or None, "sealed": sealed})
        if settings.name is not None:
            check_notebook_name(settings.name, bytes_max=NAME_BYTES_MAX)
        self._on_stored = on_stored
        self._on_notice = on_notice
        file = absolute_path(file, "file") if file is not None else settings.file
        text_file = absolute_path(text_file, "text_file") if text_file is not None else settings.text_file
        notices: list[Notice] = []
        own_folders = find_places(os.environ).folders
        with ExitStack() as opened:  # first what may fail: a server that cannot start leaves no new notebook behind
            self._endpoint = listen(settings.bind, settings.ports if port is None else (port,), notices.append)
            opened.callback(self._endpoint.close)
            make_own_folder(file, own_folders)
            if text_file is not None:
                make_own_folder(text_file, own_folders)
                check_text_file(text_file, file)
            self._notebook = Notebook(file)
            opened.callback(self._notebook.close)
            self._notebook.preallocate_log()
            self._sealing_keys = name_and_seal(self._notebook, settings.name, wants_sealed=settings.sealed)
            self._text_file = open_text_file(self._notebook, text_file, on_notice)
            if self._text_file is not None:
                opened.callback(self._text_file.close)
            for notice in (*notices, *too_open(filter(None, (file, text_file)), own_folders)):
                on_notice(notice)
            self._prepare_loop()
            opened.pop_all()

    def _prepare_loop(self) -> None:
        now = time.monotonic()
        self._search_thread = SearchThread(self._endpoint.wake)
        self._envelopes = self._current_envelopes()
        self._handler = RequestHandler(self._notebook, self._envelopes, executor=self._search_thread)
        self._schedule = Schedule()
        self._arrivals = Arrivals(self._endpoint)
        self._announced = self._notebook.last_number
        self._keys_at = now + KEYS_SECONDS if self._sealing_keys is not None else float("inf")
        self._key_file_error: StorageError | None = None
        self._housekeeping_at = now + HOUSEKEEPING_SECONDS
        self._next_failure_notice_at = 0.0
        self._has_begun = False
        self._is_stopped = False  # not an `Event`: a signal handler that interrupts one of its methods would wait for itself
        self._thread: threading.Thread | None = None
        # The caller can ask for these even after the server has ended and closed its file and its sockets.
        self._name, self._notebook_id = self._notebook.name, self._notebook.notebook_id.hex()
        self._addresses = [format_address(address) for address in self._endpoint.addresses]
        self._port = self._endpoint.port

    @property
    def name(self) -> str:
        """The notebook's name."""
        return self._name

    @property
    def notebook_id(self) -> str:
        """The notebook's id, 32 hexadecimal digits."""
        return self._notebook_id

    @property
    def join_code(self) -> str | None:
        """The join code of the notebook's current key; None if the notebook is open."""
        if self._sealing_keys is None:
            return None
        from udpnote.model.join_code import join_code  # here, because most servers have an open notebook

        return join_code(self._sealing_keys.keys.current)

    @property
    def addresses(self) -> list[str]:
        """Where the server listens, each as `192.168.1.5:6683` or `[::]:6683`, IPv4 first."""
        return self._addresses

    @property
    def port(self) -> int:
        """The UDP port that the server listens on."""
        return self._port

    def start(self) -> Self:
        """Serve in a background thread until `stop` is called. Returns this server at once.

        If the notebook's file is lost (see `serve_forever`), the thread ends, and `on_notice` is called. Raises `UdpnoteError`
        if the server was started before, or has stopped.
        """
        self._begin()
        self._thread = threading.Thread(target=self._serve_in_thread, name="udpnote server", daemon=True)
        self._thread.start()
        return self

    def serve_forever(self) -> None:
        """Serve in the calling thread until `stop` is called, then close all sockets and files; do nothing if stopped before.

        Acknowledged entries are safe however this ends. Raises `NotebookLost`, after closing, if the notebook's file or its
        write-ahead log was deleted, moved, replaced or hard-linked, and `UdpnoteError` if the server was started before.
        """
        if not self._is_stopped:
            self._begin()
            self._serve()

    def stop(self) -> None:
        """End the server, and close its sockets and files. Any thread and any signal handler may call this, even repeatedly.

        After `start`, this waits until the background thread has ended. `serve_forever` returns soon after this call. If the
        server was not started, this closes it, and raises `NotebookLost` for the same reasons as `serve_forever`.
        """
        self._is_stopped = True
        self._endpoint.wake()
        if not self._has_begun:
            self._close()
        elif self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _begin(self) -> None:
        """Record that the server serves from now on. Raises `UdpnoteError` if it has served or stopped before."""
        if self._is_stopped or self._has_begun:
            raise UdpnoteError("server_ended" if self._is_stopped else "server_started")
        self._has_begun = True

    def _serve(self) -> None:
        try:
            while not self._is_stopped:
                self._serve_batch()
        finally:
            self._is_stopped = True
            self._close()

    def _serve_in_thread(self) -> None:
        try:
            self._serve()
        except NotebookLost as error:
            self._on_notice(error.notice)

    def _close(self) -> None:
        with closing(self._search_thread), closing(self._notebook):
            self._endpoint.close()
            if self._text_file is not None:
                self._text_file.close()

    @property
    def wake_descriptor(self) -> int:
        """A descriptor for `signal.set_wakeup_fd`: with it, a signal ends the loop's wait, so its handler can run `stop`."""
        return self._endpoint.wake_descriptor

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.stop()

    def __del__(self) -> None:
        if not getattr(self, "_has_begun", True) and not self._is_stopped:  # it has neither if the constructor failed
            warnings.warn(f"{self!r} was neither started nor stopped", ResourceWarning, stacklevel=2, source=self)
            if not sys.is_finalizing():  # else Python closes everything, and can import nothing that `stop` needs
                self.stop()

    def __repr__(self) -> str:
        state = "stopped" if self._is_stopped else "serving" if self._has_begun else "not started"
        return f"<Server {self._name!r} (id {self._notebook_id}) at {', '.join(self._addresses)}, {state}>"

    def _serve_batch(self) -> None:
        """Do one round of the loop: wait for datagrams or other work, and do it. If the disk fails, report that and return."""
        batch = self._arrivals.next_batch(max(0.0, self._due_at() - time.monotonic()))
        try:
            if batch:
                self._answer(batch)
            self._serve_readers()
            if not batch and self._notebook.is_checkpoint_running:
                self._notebook.check_file()
            if not batch or self._handler.is_index_awaited:
                self._update_index()
            if (now := time.monotonic()) >= self._keys_at:
                self._read_keys()
            if now >= self._housekeeping_at:
                self._clean_up()
            failure = self._handler.take_failure()
        except NotebookLost:
            raise
        except StorageError as error:
            self._schedule.postpone(time.monotonic() + STORAGE_RETRY_SECONDS)
            failure = error
        if failure is not None:
            self._report(failure)

    def _due_at(self) -> float:
        """The monotonic time at which the loop next has something to do even if no datagram arrives."""
        due_at = min(self._housekeeping_at, self._keys_at)
        if self._handler.has_readers:
            due_at = min(due_at, self._schedule.reading_at)
        if self._is_indexing_next:
            due_at = min(due_at, self._schedule.indexing_at)
        if self._notebook.is_checkpoint_running:
            due_at = min(due_at, time.monotonic() + QUIET_SECONDS)
        timeout = self._handler.next_timeout()
        return due_at if timeout is None else min(due_at, timeout)

    def _answer(self, batch: list[Datagram]) -> None:
        """Store the entries in the batch, and send the acknowledgements and other answers."""
        if not self._handler.is_index_awaited:
            self._schedule.wait_until(time.monotonic() + QUIET_SECONDS)
        before = self._notebook.last_number
        self._endpoint.send(self._handler.handle(batch, wall_microseconds(), unsent=self._endpoint.unsent))
        if self._notebook.last_number > before:
            self._schedule.stored_at = time.monotonic()
            self._announce()

    def _announce(self) -> None:
        """Tell the text file's thread that there are new entries, and call `on_stored` with each new entry."""
        if self._text_file is not None:
            self._text_file.update()
        if self._on_stored is not None:
            for stored in self._notebook.entries_after(self._announced):
                self._on_stored(stored)
            self._announced = self._notebook.last_number

    def note_number(self, number: int) -> int:
        """The number of the note that the entry `number` is, revises or deletes; 0 if there is none. Only for `on_stored`."""
        return self._notebook.note_number(number)

    def _serve_readers(self) -> None:
        """Serve readers for a slice of time. While entries keep coming, a pause follows, in which this does nothing."""
        now = time.monotonic()
        if now < self._schedule.reading_at and self._handler.has_readers:
            return
        is_busy = self._schedule.is_busy(now)
        until = now + (BUSY_READING_SLICE_SECONDS if is_busy else READING_SLICE_SECONDS)
        self._endpoint.send(self._handler.serve_readers(now, lambda: time.monotonic() >= until))
        if is_busy:
            end = time.monotonic()
            self._schedule.reading_at = end + READING_PAUSE_RATIO * (end - now)

    @property
    def _is_indexing_next(self) -> bool:
        """Whether the index lacks entries and may be updated now: no reader is to be served, or one waits for the index."""
        return not self._handler.is_indexed and (self._handler.is_index_awaited or not self._handler.has_readers)

    def _update_index(self) -> None:
        """Update the search index for a slice of time, if nothing has arrived for a while or a reader waits for the index.

        While entries keep coming, a pause as long as the slice follows.
        """
        now = time.monotonic()
        if now < self._schedule.indexing_at or not self._is_indexing_next:
            return
        until = now + INDEXING_SLICE_SECONDS
        index = self._notebook.lookup.index
        before = index.transactions
        self._handler.update_index(lambda: time.monotonic() >= until)
        end = time.monotonic()
        if self._schedule.is_busy(end):
            self._schedule.wait_until(end + (end - now))
        if index.transactions == before:  # its disk is full, or another process has locked it: try again later
            self._schedule.wait_until(time.monotonic() + QUIET_SECONDS)

    def _read_keys(self) -> None:
        """Read the key file again, use its keys, and note that in the notebook. On an error, keep the old keys and report."""
        assert self._sealing_keys is not None, "an open notebook has no keys"
        self._keys_at = time.monotonic() + KEYS_SECONDS
        try:
            if self._sealing_keys.read_again():
                self._on_notice(Notice("notebook_key_changed"))
            self._key_file_error = None
        except StorageError as error:
            if self._key_file_error is None or error.notice != self._key_file_error.notice:
                self._key_file_error = error
                self._on_notice(Notice("key_file_not_read", error=error))
        if (envelopes := self._current_envelopes()) != self._envelopes:
            self._envelopes = envelopes
            self._handler.use_envelopes(envelopes)
        self._sealing_keys.note_use(self._notebook)

    def _current_envelopes(self) -> Envelopes:
        return self._sealing_keys.envelopes(wall_microseconds()) if self._sealing_keys is not None else OPEN_ENVELOPES

    def _clean_up(self) -> None:
        """Listen on new interfaces, report dropped datagrams and a full disk, and remove incomplete entries that have expired.

        Raises `NotebookLost` if the notebook's file is not in its place any more.
        """
        self._housekeeping_at = time.monotonic() + HOUSEKEEPING_SECONDS
        self._endpoint.join_new_interfaces()
        for notice in self._handler.notices(self._arrivals.drops()):
            self._on_notice(notice)
        self._notebook.check_file()
        self._notebook.expire_partial_entries(wall_microseconds())

    def _report(self, error: StorageError) -> None:
        """Report `error`, which the disk has caused, unless an error was reported in the last minute."""
        now = time.monotonic()
        if now >= self._next_failure_notice_at:
            self._next_failure_notice_at = now + HOUSEKEEPING_SECONDS
            self._on_notice(Notice("storage_fails", error=error))
