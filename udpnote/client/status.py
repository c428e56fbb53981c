"""Finds out what is known about the client's notebook and the notebook in a file of this host, and where settings come from."""

import os
from collections.abc import Mapping
from contextlib import closing
from typing import NamedTuple

from udpnote.client.driver import Driver
from udpnote.errors import ServerNotFound, UdpnoteError
from udpnote.lan.udp_socket import format_host
from udpnote.model.notebook import KnownNotebook, SilentServer, address_of
from udpnote.protocol.rediscovery import known_notebook
from udpnote.settings import DEFAULT, XDG_FOLDERS, Flags, Settings, Source, find_places, given_settings
from udpnote.storage.key_file import key_path
from udpnote.storage.notebook.file_guard import is_guarded
from udpnote.storage.notebook.read_only import ReadOnlyNotebook


class NotebookStatus(NamedTuple):
    """The client's notebook, and whether its server answers.

    `notebook` has the name and the address of the server's answer. If the server does not answer, they are those of its last
    answer. `notebook` is None if it is not known which notebook is the client's. `is_chosen` says that it is the chosen one,
    and `has_key` that it is open or that this client has its key. `entries` is how many entries it has, erased ones included,
    `round_trip_seconds` the time that the answer took, and `server_id` the 8 random bytes that the server drew when it started.
    All three are None if `failure` says why no server could be used. `waited_seconds` is how long the client has waited for
    answers.
    """

    notebook: KnownNotebook | None
    is_chosen: bool
    has_key: bool
    entries: int | None
    round_trip_seconds: float | None
    failure: UdpnoteError | None
    server_id: bytes | None = None
    waited_seconds: float = 0.0


class HostedNotebook(NamedTuple):
    """The notebook in a file of this host. `notebook_id` has hexadecimal digits; `name` is empty if it was never served.

    `entries` is how many entries it has, erased ones included. `has_key_file` says whether its key file is beside it.
    `is_in_use` says whether a server, or another command that may change the notebook, has it open. It is also True if this
    user may not find that out.
    """

    name: str
    notebook_id: str
    entries: int
    is_sealed: bool
    has_key_file: bool
    is_in_use: bool


def notebook_status(driver: Driver, seconds: float, *, saves: bool) -> NotebookStatus:
    """Ask the server of the client's notebook whether it answers, and return what is known of both as a `NotebookStatus`.

    Waits up to `seconds` for an answer, and up to a second more if several notebooks could answer. If the discovery fails, or
    the client lacks the notebook's key, the error becomes the `failure` of the status. If the client's notebook was not known
    before, and `saves` is true, the notebook that has answered is saved in the outbox. The caller must hold the lock of the
    connection. Raises `StorageError` if the outbox cannot be read.
    """
    finder, began = driver.finder, driver.now()
    known = finder.known()
    destination, failure, answer = finder.destination, None, None
    if known is not None:
        destination = destination._replace(name_or_id=known.notebook_id.hex())
    try:
        if known is not None:
            driver.keyring.envelope(known)  # raises `KeyMissing`, as it does for the commands that use the notebook
        answer = driver.discoverer.find(destination, driver.now() + seconds, expected=known)
    except UdpnoteError as error:
        failure = error
        if known is not None and error.notice.kind == "name_or_id_not_found":  # the user has not typed the id that it names
            server = SilentServer(driver.name_of(known), format_host(address_of(known)), known.key_id is not None)
            failure = ServerNotFound("no_answer_to_reading", server=server)
    if saves and known is None and answer is not None:
        finder.remember(answer)
    notebook = known_notebook(answer) if answer is not None else known or finder.server.last_notebook()
    chosen = driver.outbox.chosen()
    return NotebookStatus(
        notebook,
        is_chosen=notebook is not None and chosen is not None and chosen.notebook_id == notebook.notebook_id,
        has_key=notebook is not None and driver.keyring.can_open(notebook),
        entries=None if answer is None else answer.offer.entries,
        round_trip_seconds=None if answer is None else answer.round_trip_seconds,
        failure=failure,
        server_id=None if answer is None else answer.offer.server_id,
        waited_seconds=driver.now() - began,
    )


def hosted_notebook(path: str) -> HostedNotebook | None:
    """Read the file `path`, and return its `HostedNotebook`. None if there is no file. Raises `StorageError`."""
    if not os.path.lexists(path):
        return None
    is_in_use = is_guarded(path)  # must be asked before this process opens the file: see `is_guarded`
    with closing(ReadOnlyNotebook(path)) as notebook:
        return HostedNotebook(
            notebook.name,
            notebook.notebook_id.hex(),
            entries=notebook.last_number(),
            is_sealed=notebook.is_sealed,
            has_key_file=os.path.exists(key_path(path)),
            is_in_use=is_in_use,
        )


_FOLDER_VARIABLES = ("UDPNOTE_HOME", *XDG_FOLDERS)
"""The variables that move the folders of `Places`: the first one moves all folders, each of the others moves a single one."""


def find_sources(flags: Flags, environ: Mapping[str, str]) -> dict[str, Source]:
    """For each field of `Settings`, the source of its value in the result of `load_settings` for the same arguments.

    Raises `InvalidSetting` in the same cases as `load_settings`.
    """
    given = given_settings(flags, environ, find_places(environ).settings_file)
    return {name: given[name][1] if name in given else DEFAULT for name in Settings._fields}


def source_of_place(path: str, environ: Mapping[str, str]) -> Source:
    """Return the variable in `environ` that names the folder in which the file `path` is; `DEFAULT` if none does.

    `path` is the path of the settings file, or the value of a setting whose source is `DEFAULT`.
    """
    for variable in _FOLDER_VARIABLES:
        folder = environ.get(variable)
        if folder and path.startswith(os.path.join(os.path.abspath(os.path.expanduser(folder)), "")):
            return Source("environment", variable)
    return DEFAULT
