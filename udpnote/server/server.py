"""Server: opens a notebook and a UDP port, serves clients in a loop (see `loop`), and closes both at the end."""

import logging
import os
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from types import TracebackType
from typing import TYPE_CHECKING, Self

from udpnote.errors import InvalidSetting, NotebookLost, Notice, UdpnoteError
from udpnote.lan.listening_endpoint import ListeningEndpoint
from udpnote.lan.udp_socket import format_address
from udpnote.machine.names import host_name
from udpnote.model.address import is_loopback
from udpnote.model.argument_types import check_functions, check_options, wrong_type
from udpnote.model.entry import StoredEntry
from udpnote.model.notebook import check_notebook_name
from udpnote.protocol.messages import NAME_BYTES_MAX
from udpnote.server.loop import Loop
from udpnote.settings import Settings, absolute_path, find_places, load_settings
from udpnote.storage.database import make_own_folder
from udpnote.storage.index.search_worker import SearchThread
from udpnote.storage.notebook.notebook import Notebook
from udpnote.storage.permissions import too_open
from udpnote.storage.text_mirror import TextMirror, check_text_file

if TYPE_CHECKING:
    from udpnote.server.sealing import SealingKeys


_LOGGER = logging.getLogger("udpnote.server")


class Server:
    """A notebook's server. The constructor binds its UDP port. It serves from `start` or `serve_forever` on, until `stop`.

    `with Server("notes.sqlite3") as server:` starts the server, and stops it at the end of the block. A server that has stopped
    cannot serve again. After `os.fork`, the child process cannot use it.

    - `file`: the notebook's file, which is created if it does not exist. Default: the one in the user's data directory.
    - `name`: the notebook's name, 1 to 128 bytes of UTF-8. Default: the name it has, or this host's name.
    - `bind`: the address to listen on. Default: all. `port`: the UDP port; 0: any free one. Default: the first free one of
      `settings.PORTS`, 6683 to 6686.
    - `sealed`: whether the server answers only clients that have the notebook's key. If so, a new notebook gets a new key.
      Default: as the notebook is; a new one is open.
    - `text_file`: the path of a text file in which the server keeps a copy of the notes. Default: none.
    - `on_stored`: the server's thread calls it with each new entry. It must not block.
    - `on_notice`: called with each `Notice` for the server's owner, for example about a full disk or dropped datagrams. The
      constructor calls it with notices about its port and its files, the server's threads with all others. It must not
      block. Default: each notice becomes a warning of the logger `udpnote.server`.

    An exception in `on_stored` or `on_notice` ends the server: `serve_forever` raises it, and the thread of `start` prints it.

    For arguments that are not given, the environment, the settings file or the defaults apply, as for the `udpnote` command.

    The constructor raises `StorageError`, `AddressInUse`, `AddressUnavailable`, `TooManyOpenFiles`, `InvalidSetting`,
    `NotebookSealed` or `NotebookOpen` if it cannot serve, and `TypeError` if an argument has a wrong type.
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
        check_options({"name": name, "bind": bind, "port": port, "sealed": sealed, "file": file, "text_file": text_file})
        check_functions(on_stored=on_stored)
        if not callable(on_notice):  # None is no function, either: notices would be lost
            raise wrong_type("on_notice", "a function", on_notice)
        settings = _settings(name=name, bind=bind, port=port, sealed=sealed)
        ports = settings.ports if port is None else (port,)
        self._on_notice = on_notice
        file = absolute_path(file, "file") if file is not None else settings.file
        text_file = absolute_path(text_file, "text_file") if text_file is not None else settings.text_file
        with ExitStack() as opened:
            self._open(opened, settings, ports, file, text_file)
            self._prepare(on_stored)
            opened.pop_all()

    def _open(self, opened: ExitStack, settings: Settings, ports: Sequence[int], file: str, text_file: str | None) -> None:
        """Open the first free one of the UDP `ports`, the notebook in `file` and the `text_file`. Give the notices about them.

        After an error, `opened` closes what was opened. No notebook is made if no port is free or the text file is unsuitable.
        """
        notices: list[Notice] = []  # given when all is open: after an error, nobody would listen at the port that they name
        self._endpoint = _listen(settings.bind, ports, notices.append)
        opened.callback(self._endpoint.close)
        own_folders = find_places(os.environ).folders
        make_own_folder(file, own_folders)
        if text_file is not None:
            make_own_folder(text_file, own_folders)
            check_text_file(text_file, file)
        self._notebook = Notebook(file)
        opened.callback(self._notebook.close)
        self._notebook.preallocate_log()
        self._sealing_keys = _name_and_seal(self._notebook, settings.name, wants_sealed=settings.sealed)
        # The text file's thread gives notices while it runs.
        self._text_file = _open_text_file(self._notebook, text_file, self._on_notice)
        if self._text_file is not None:
            opened.callback(self._text_file.close)
        for notice in (*notices, *too_open(filter(None, (file, text_file)), own_folders)):
            self._on_notice(notice)

    def _prepare(self, on_stored: Callable[[StoredEntry], None] | None) -> None:
        """Make the loop and the other attributes of a server that is not started yet. The files and sockets are open."""
        self._search_thread = SearchThread(self._endpoint.wake)
        self._loop = Loop(
            self._endpoint,
            self._notebook,
            sealing_keys=self._sealing_keys,
            text_file=self._text_file,
            executor=self._search_thread,
            on_stored=on_stored,
            on_notice=self._on_notice,
        )
        self._has_begun = False
        self._is_stopped = False  # not an `Event`: `stop` in a signal handler could wait for a lock of the interrupted code
        self._thread: threading.Thread | None = None
        self._process = os.getpid()  # a child process shares the sockets, and does not have SQLite's locks on the notebook
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
        """The join code of the notebook's current key; None if it is not sealed."""
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

        If the notebook's file is lost (see `serve_forever`), the thread ends, and `on_notice` is told so. Raises `UdpnoteError`
        if the server was started before, or has stopped.
        """
        self._begin()
        self._thread = threading.Thread(target=self._serve_in_thread, name="udpnote server", daemon=True)
        self._thread.start()
        return self

    def serve_forever(self) -> None:
        """Serve in the calling thread until `stop` is called, then close all sockets and files. If already stopped, do nothing.

        Acknowledged entries are safe however this ends. Raises `NotebookLost`, after closing, if the notebook's file or its
        write-ahead log was deleted, moved, replaced or hard-linked, and `UdpnoteError` if the server was started before.
        """
        if not self._is_stopped:
            self._begin()
            self._serve()

    def stop(self) -> None:
        """End the server, and close its sockets and files. Any thread and any signal handler may call this, even repeatedly.

        After `start`, this waits until the background thread has ended, unless that thread itself calls this. `serve_forever`
        returns soon after this call. If the server was not started, this closes it, and raises `NotebookLost` for the same
        reasons as `serve_forever`. In a child process, which `os.fork` has made, this does not end the parent's server.
        """
        self._is_stopped = True
        self._endpoint.wake()
        if not self._has_begun:
            self._close()
        elif self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _begin(self) -> None:
        """Record that the server serves from now on.

        Raises `UdpnoteError` if it has served or stopped before, or was made by another process.
        """
        if os.getpid() != self._process:
            raise UdpnoteError("server_of_another_process")
        if self._is_stopped or self._has_begun:
            raise UdpnoteError("server_ended" if self._is_stopped else "server_started")
        self._has_begun = True

    def _serve(self) -> None:
        try:
            while not self._is_stopped:
                self._loop.run_once()
        finally:
            self._is_stopped = True
            self._close()

    def _serve_in_thread(self) -> None:
        try:
            self._serve()
        except NotebookLost as error:
            self._on_notice(error.notice)

    def _close(self) -> None:
        if os.getpid() != self._process:  # the end of a child process, even by an error, leaves the parent's files as they are
            return
        with closing(self._search_thread), closing(self._notebook):
            self._endpoint.close()
            if self._text_file is not None:
                self._text_file.close()

    @property
    def wake_descriptor(self) -> int:
        """A file descriptor for `signal.set_wakeup_fd`. A signal then ends the loop's wait, so that Python runs its handler."""
        return self._endpoint.wake_descriptor

    def note_number(self, number: int) -> int:
        """The number of the note that the entry `number` is, revises or deletes; 0 if no entry has this number.

        Call this only in `on_stored`, because only the server's thread may use the notebook.
        """
        return self._notebook.note_number(number)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.stop()

    def __del__(self) -> None:
        if getattr(self, "_process", 0) != os.getpid():  # the constructor failed, or this is a child process
            return
        if not self._has_begun and not self._is_stopped:
            warnings.warn(f"{self!r} was neither started nor stopped", ResourceWarning, stacklevel=2, source=self)
            if not sys.is_finalizing():  # at Python's exit, `stop` can import nothing, and the system closes everything anyway
                self.stop()

    def __repr__(self) -> str:
        if self._is_stopped:
            state = "stopped"
        elif self._has_begun:
            state = "serving"
        else:
            state = "not started"
        return f"<Server {self._name!r} (id {self._notebook_id}) at {', '.join(self._addresses)}, {state}>"


def _settings(*, name: str | None, bind: str | None, port: int | None, sealed: bool | None) -> Settings:
    """Check these arguments of `Server`, and return its settings: an argument that is not None replaces the user's setting.

    A `port` of 0, which stands for any free port, is not in the result, because no setting may be 0. Raises `InvalidSetting`
    for an invalid argument or setting.
    """
    if port is not None and not 0 <= port < 65536:
        raise InvalidSetting("server_port_invalid", port=port)
    settings = load_settings({"name": name, "bind": bind, "port": port or None, "sealed": sealed})
    if settings.name is not None:
        check_notebook_name(settings.name, bytes_max=NAME_BYTES_MAX)
    return settings


def _listen(bind: str | None, ports: Sequence[int], on_notice: Callable[[Notice], None]) -> ListeningEndpoint:
    """Open an endpoint on the address `bind`, at the first of the UDP `ports` that is free, and return it.

    `bind` is an IP address or a host name, or None for all addresses. The port 0 stands for any free port. Calls `on_notice` if
    the first port is not free, or if `bind` is a host name whose address only this machine can reach. Raises `AddressInUse`,
    `AddressUnavailable` or `TooManyOpenFiles`, as `ListeningEndpoint` does.
    """
    endpoint = ListeningEndpoint(bind, *ports)
    if ports[0] not in (0, endpoint.port):
        on_notice(Notice("next_port_used", taken=ports[0], port=endpoint.port))
    host = endpoint.addresses[0][0]
    if bind not in (None, host, "localhost") and is_loopback(endpoint.addresses[0]):
        on_notice(Notice("bound_to_this_machine", host=bind, address=host))
    return endpoint


def _open_text_file(notebook: Notebook, path: str | None, on_notice: Callable[[Notice], None]) -> TextMirror | None:
    """Start to keep a copy of the notes in the text file `path`, and save this path in the notebook for `udpnote erase`.

    If `path` is None, no copy is kept, and the result is None. Raises the errors of `TextMirror`, and `StorageError` if the
    notebook cannot be written.
    """
    if path is None:
        return None
    mirror = TextMirror(path, notebook.path, on_notice)
    try:
        notebook.record_text_file(mirror.path)
    except BaseException:
        mirror.close()
        raise
    return mirror


def _name_and_seal(notebook: Notebook, name: str | None, *, wants_sealed: bool | None) -> "SealingKeys | None":
    """Give the notebook its name, and seal it if it is new and `wants_sealed` is true. Returns its keys; None if it has none.

    `wants_sealed` says whether the owner has asked for a sealed notebook; None stands for the notebook as it is. If `name` is
    None, the notebook keeps its name; if it has none yet, it gets the name of this host. Raises the errors of
    `open_sealing_keys`, and `StorageError` if the name cannot be saved.
    """
    name = name or notebook.name or host_name()
    keys: SealingKeys | None = None
    if wants_sealed or notebook.is_sealed:
        from udpnote.server.sealing import open_sealing_keys  # here, because an open notebook needs no encryption

        keys = open_sealing_keys(notebook, wants_sealed=wants_sealed, name=name)
    if name != notebook.name:
        notebook.rename(name)
    return keys
