"""The doctor: collects facts about this host and its network, and yields what each check finds in them."""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing

from udpnote.client.client import Client
from udpnote.client.diagnosis.examination import Examination, ReportingServer, is_own
from udpnote.client.diagnosis.findings import Finding, Verdict
from udpnote.client.diagnosis.host_checks import HOST_CHECKS, HostFacts
from udpnote.client.diagnosis.network_checks import NETWORK_CHECKS
from udpnote.client.diagnosis.network_facts import Expected, NetworkFacts, own_hosts
from udpnote.client.finding.all_notebooks import FoundNotebook, notebooks_by_address
from udpnote.client.finding.trust import named_key_of
from udpnote.errors import Notice, ServerNotFound, StorageError, UdpnoteError
from udpnote.lan.echo import ECHO_TOKEN_BYTES, Echo, listen_for_echoes
from udpnote.lan.host_network import (
    HostInterface,
    active_firewalls,
    granted_buffer_bytes,
    host_interfaces,
    neighbour_answers,
    port_users,
    routes,
)
from udpnote.lan.interfaces import lan_interfaces
from udpnote.lan.udp_socket import BUFFER_BYTES
from udpnote.model.address import Address
from udpnote.model.notebook import address_of
from udpnote.protocol.messages import TOKEN_BYTES
from udpnote.settings import PORT, Flags, Settings, Source, find_places, load_settings
from udpnote.storage.database import IN_MEMORY
from udpnote.storage.disk_durability import fsync_durations, temporary_folder
from udpnote.storage.key_file import key_path, read_key_file
from udpnote.storage.outbox.outbox import Outbox

ENVELOPES_MAX = 8
"""The most envelopes in which servers are examined: the open one, and those of seven keys."""

LOOKUP_SECONDS = 2.5
"""How long to wait for the address of the server that the user has named."""

NEIGHBOUR_SECONDS = 3.5
"""How long to wait for an answer from the host of a silent server. If the host has answered some time ago, the system asks it
again only five seconds after the first datagram to it. The examination has sent that datagram more than three seconds
before."""

FSYNCS_MAX, FSYNC_SECONDS_MAX = 9, 0.5
"""The most fsyncs that are measured, and the most seconds. Their median shows whether the disk only pretends to write."""


class Doctor(Client):
    """A client that does not send or read, but examines this host and its network. It needs no root, and leaves no file behind.

    See `Client` for the arguments. If the outbox cannot be read, the doctor reports that as a finding, and goes on as if the
    outbox were empty. If a variable or the settings file has a fault, it reports that, too, and goes on without this variable
    or the whole file.
    """

    def __init__(
        self, *, server: str | None = None, port: int | None = None, on_notice: Callable[[Notice], None] | None = None
    ) -> None:
        self._wrong_settings: list[tuple[Notice, Source]] = []
        settings = load_settings({}, on_wrong=lambda *_: None)  # `_settings_of` remembers what is wrong
        self._outbox_path, self._notebook_path = settings.outbox, settings.file
        outbox, self._outbox_problem = _copy_of_outbox(self._outbox_path)
        super().__init__(server=server, port=port, outbox=outbox, on_notice=on_notice)

    def _settings_of(self, flags: Flags) -> tuple[Settings, bytes | None]:
        """The settings, and the key that they name, or None. Wrong settings are left out, and remembered as findings."""
        settings = load_settings(flags, on_wrong=lambda error, source: self._wrong_settings.append((error.notice, source)))
        try:
            return settings, named_key_of(settings)
        except UdpnoteError as error:
            in_file = Source("settings file", find_places(os.environ).settings_file)
            source = Source("environment", "UDPNOTE_KEY_FILE") if os.environ.get("UDPNOTE_KEY_FILE") else in_file
            self._wrong_settings.append((error.notice, source))
            return settings._replace(key_file=None), None

    def findings(self) -> Iterator[Finding]:
        """Yield each `Finding` as soon as it is made.

        The findings about this host come at once. For them, this writes a temporary file in the folder of the outbox, and
        removes it. The findings about the network come after some seconds. For them, this sends datagrams to all hosts of the
        LAN.
        """
        host = self._host_facts()
        troubles = set[str]()
        for check_host in HOST_CHECKS:
            for finding in check_host(host):
                troubles |= _trouble_kinds(finding)
                yield finding
        network = self._network_facts(host)
        for check in NETWORK_CHECKS:
            for finding in check(network, troubles):
                troubles |= _trouble_kinds(finding)
                yield finding

    def _host_facts(self) -> HostFacts:
        """Gather what the system says about this host, for `HOST_CHECKS`. This writes a temporary file, and removes it."""
        interfaces = host_interfaces()
        folder = _existing_folder(os.path.dirname(self._outbox_path))
        return HostFacts(
            interfaces=interfaces,
            routes=routes(interfaces),
            firewalls=active_firewalls(),
            buffer_bytes=granted_buffer_bytes(),
            wanted_bytes=BUFFER_BYTES,
            folder=folder,
            fsync_seconds=_fsync_seconds(folder),
            outbox=self._outbox_path,
            outbox_problem=self._outbox_problem,
            wrong_settings=self._wrong_settings,
            own_key_file=key_path(self._notebook_path),
            own_key_problem=_damage_of_key_file(key_path(self._notebook_path)),
        )

    def _network_facts(self, host: HostFacts) -> NetworkFacts:
        """Gather the facts about the network, for `NETWORK_CHECKS`, in three steps that each send datagrams and take some time.

        First this host sends datagrams to itself (`echoes`). Then a discovery looks for notebooks. Last, an `Examination` asks
        all hosts of the LAN, the servers that have answered the discovery, and the server that the user expects.
        """
        echoes = self._echoes()
        answers, failure = self._discovered()
        found = list(answers.values())
        addresses = self._server_addresses()
        examination = self._examined(addresses, answers, own_hosts(host.interfaces))
        names_in_outbox = {each.notebook_id: each.name for each in self.known()}
        return NetworkFacts(
            interfaces=host.interfaces,
            firewall=host.firewall,
            ways=examination.ways,
            echoes=echoes,
            servers=examination.servers,
            found=found,
            port_users=port_users({*self._ports, *_ports_here(host.interfaces, addresses, examination.servers)}),
            names=names_in_outbox | {bytes.fromhex(each.notebook_id): each.name for each in found},
            expected=self._expected_server(addresses, found, examination),
            failure=failure,
            is_notebook_decided=self.is_notebook_decided,
            names_server=self._finder.destination.host is not None,
            errors=examination.errors,
            default_interface=host.routes.default if host.routes is not None else None,
            ports=tuple(self._ports),
        )

    def _echoes(self) -> list[Echo]:
        """Find out which datagrams from this host to itself arrive, by unicast and by broadcast (see `listen_for_echoes`)."""
        token = self._connection.random.randbytes(ECHO_TOKEN_BYTES)
        return listen_for_echoes(lan_interfaces(), token, PORT)

    def _discovered(self) -> tuple[dict[Address, FoundNotebook], Notice | None]:
        """Run a discovery. Returns the notebooks that have answered, by their addresses, and a notice.

        The notice says why the address of the named server cannot be found; None if it was found, or if no server is named.
        """
        try:
            return notebooks_by_address(self._driver, LOOKUP_SECONDS), None
        except ServerNotFound as error:
            return {}, error.notice

    def _examined(self, addresses: list[Address], answered: Iterable[Address], own: Collection[str]) -> Examination:
        """Run an `Examination`, which asks all hosts of the LAN, and return it.

        It asks directly at `addresses`, where a server should be, and at `answered`, where servers have answered the discovery.
        `own` are the addresses of this host (see `own_hosts`).
        """
        with self._connection.lock():
            examination = Examination(
                self._connection.endpoint,
                [each.envelope for each in self._keyring.targets()[:ENVELOPES_MAX]],
                token=self._connection.random.randbytes(TOKEN_BYTES),
                ports=sorted({*self._ports, *(address[1] for address in addresses)}),
                own_hosts=own,
                monotonic=self._connection.now,
                microseconds=self._connection.clock.microseconds,
            )
            examination.run([*addresses, *answered])
        return examination

    def _server_addresses(self) -> list[Address]:
        """The addresses of the server that the user has named or, if none is named, the last address of the user's notebook.

        Empty if that notebook is not known, or if the name of the server cannot be resolved.
        """
        if self._finder.server.lookup is not None:
            return self._finder.server.lookup.addresses
        notebook = self.notebook
        return [address_of(notebook)] if notebook is not None else []

    def _expected_server(
        self, addresses: list[Address], found: list[FoundNotebook], examination: Examination
    ) -> Expected | None:
        """The server or notebook that should be at `addresses`, and whether it has answered. None if `addresses` is empty.

        `found` are the notebooks that have answered the discovery. Other servers may have answered only the `examination`.
        """
        if not addresses:
            return None
        server, notebook = self._finder.destination.server, self.notebook
        if server is not None:
            has_answered = bool(found) or any(set(each.addresses) & set(addresses) for each in examination.servers)
            last = self._finder.server.last_notebook()
            name = last.name if last is not None else Notice("named_server")
        else:
            assert notebook is not None, "the addresses are those of a notebook"
            ids = {each.notebook_id for each in examination.servers} | {bytes.fromhex(each.notebook_id) for each in found}
            has_answered, name = notebook.notebook_id in ids, notebook.name
        address = addresses[0]
        error = {key[:2]: error for key, error in examination.errors.items()}.get(address[:2])
        is_clear = has_answered or error is not None
        neighbour = neighbour_answers(address, seconds_max=0.0 if is_clear else NEIGHBOUR_SECONDS)
        return Expected(name, address, has_answered, error, neighbour)


def _ports_here(
    interfaces: Sequence[HostInterface], addresses: Iterable[Address], servers: Iterable[ReportingServer]
) -> set[int]:
    """The UDP ports of this host at which a server should be or is: those in `addresses`, and those of `servers`.

    `addresses` are where the expected server should be, `servers` have sent REPORTs. Addresses and servers on other hosts do
    not count. `interfaces` are those of this host. They show which of `addresses` are its own.
    """
    own = own_hosts(interfaces)
    expected = [each for each in addresses if is_own(each, own)]
    reported = [each for server in servers if server.is_here for each in server.addresses]
    return {each[1] for each in [*expected, *reported]}


def _copy_of_outbox(path: str) -> tuple[Outbox, Notice | None]:
    """Copy the outbox at `path`, without its entries, into memory. Return the copy and None.

    What the client saves goes into the copy, for example a new key of this host's notebook: see `own_key`. If the outbox cannot
    be read, return an empty one in memory, and a notice that says why.
    """
    try:
        with closing(Outbox(path, is_read_only=True)) as outbox:
            outbox.check_whole()
            return outbox.without_entries(), None
    except StorageError as error:
        return Outbox(IN_MEMORY), error.notice


def _existing_folder(folder: str) -> str:
    """`folder` or, if it does not exist, the nearest folder above it that exists."""
    while not os.path.isdir(folder) and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    return folder


def _damage_of_key_file(path: str) -> Notice | None:
    """How the key file `path` is damaged; None if it is whole, missing, or not readable for this user."""
    try:
        read_key_file(path)
    except StorageError as error:
        return error.notice if error.notice.kind == "key_file_damaged" else None
    return None


def _fsync_seconds(folder: str) -> float | Notice:
    """Measure fsyncs of a temporary file in `folder`. Return their median in seconds, or why `folder` cannot be written."""
    try:
        with temporary_folder(folder) as inside:
            return fsync_durations(inside, seconds_max=FSYNC_SECONDS_MAX, count_max=FSYNCS_MAX).median
    except StorageError as error:
        return error.notice


def _trouble_kinds(finding: Finding) -> set[str]:
    """The kind of the trouble in `finding`, as a set with one element; empty if the finding is no trouble."""
    return {finding.notice.kind} if finding.verdict is Verdict.TROUBLE else set()
