"""The checks of this host alone: pure functions that turn facts into findings. The host sends no datagram for them."""

from collections.abc import Sequence
from shlex import quote
from typing import NamedTuple

from udpnote.client.diagnosis.findings import Finding, fine, not_checked, trouble
from udpnote.errors import Notice
from udpnote.lan.host_network import Detour, HostInterface, InterfaceKind, Routes
from udpnote.settings import Source
from udpnote.storage.disk_durability import SUSPICIOUS_FSYNC_SECONDS

BUFFER_BYTES_MIN = 64 << 10
"""The smallest receive buffer that is no trouble: it holds some fifty long datagrams. With a smaller one, a client loses
answers even on an idle machine."""


class HostFacts(NamedTuple):
    """What the system says about this host.

    `interfaces` are those that can carry probes. `routes` is None if the system does not name its routes. `firewalls` says
    which of ufw and firewalld are active. udpnote asks for a receive buffer of `wanted_bytes`, and the system grants
    `buffer_bytes`. `folder` is the folder of the outbox, and `fsync_seconds` the median time of an fsync there, or the reason
    why nothing can be written there. If that folder does not exist yet, `folder` is the folder in which it will be made.
    `outbox` is the path of the outbox, and `outbox_problem` says why it cannot be read; None if it can, or if it does not exist
    yet.

    `wrong_settings` are the settings that cannot be used, each as the problem and the source. `own_key_file` is the path of the
    key file that belongs to this host's notebook, and `own_key_problem` says how it is damaged. It is None if there is no key
    file, or if it is not damaged.
    """

    interfaces: Sequence[HostInterface]
    routes: Routes | None
    firewalls: Sequence[str]
    buffer_bytes: int
    wanted_bytes: int
    folder: str
    fsync_seconds: float | Notice
    outbox: str
    outbox_problem: Notice | None
    wrong_settings: Sequence[tuple[Notice, Source]]
    own_key_file: str
    own_key_problem: Notice | None

    @property
    def firewall(self) -> str:
        """The firewall whose commands the findings show: `ufw`, `firewalld` or, if neither is active, `nft`."""
        return self.firewalls[0] if self.firewalls else "nft"


def check_settings(facts: HostFacts) -> list[Finding]:
    """Check whether the settings can be used, and the key file of this host's notebook, if there is one."""
    found = [_wrong_setting(problem, source) for problem, source in facts.wrong_settings]
    if facts.own_key_problem is not None:
        key_file = quote(facts.own_key_file)
        found.append(trouble("settings", Notice("own_key_file_wrong", problem=facts.own_key_problem, file=key_file)))
    return found or [fine("settings", Notice("settings_usable"))]


def _wrong_setting(problem: Notice, source: Source) -> Finding:
    """The trouble that a variable, or the settings file, cannot be used: `source` says which one, and `problem` why."""
    if source.kind == "environment":
        return trouble("settings", Notice("variable_wrong", problem=problem, variable=source.place))
    return trouble("settings", Notice("settings_file_wrong", problem=problem, file=quote(str(source.place))))


def check_interfaces(facts: HostFacts) -> list[Finding]:
    """Check whether this host has an interface that leads to a LAN and is connected."""
    described = tuple(map(_described, facts.interfaces))
    to_lan = [each for each in facts.interfaces if each.kind.is_lan]
    if not to_lan:
        return [trouble("interfaces", Notice("no_lan_interface", interfaces=described))]
    if not any(each.is_connected for each in to_lan):
        off = [each.name for each in to_lan if not each.is_up]
        if off:
            return [trouble("interfaces", Notice("interface_off", interface=off[0]))]
        return [trouble("interfaces", Notice("no_carrier", interfaces=tuple(each.name for each in to_lan)))]
    return [fine("interfaces", Notice("interfaces_listed", interfaces=described))]


def check_routes(facts: HostFacts) -> list[Finding]:
    """Check whether a route or rule sends datagrams for a LAN into a tunnel or to containers, or forbids them.

    If datagrams for the LAN of one interface leave by another interface that also leads to a LAN, the finding is "not checked":
    this host cannot know whether the two LANs are the same.
    """
    if facts.routes is None:
        return [not_checked("routes", Notice("routes_not_known"))]
    if not any(each.kind.is_lan and each.is_connected for each in facts.interfaces):
        return [not_checked("routes", Notice("routes_lead_nowhere"))]
    kinds = {each.name: each.kind for each in facts.interfaces}
    found = [_detour_trouble(each) for each in facts.routes.detours if not each.by_kind.is_lan]
    for interface, network in facts.routes.forbidden:
        found.append(trouble("routes", Notice("network_forbidden", interface=interface, network=network)))
    if found:
        return found
    if facts.routes.detours:
        alike = [
            Notice("interfaces_alike", interface=each.interface, network=each.network, by=each.by)
            for each in facts.routes.detours
        ]
        return [not_checked("routes", each) for each in alike]
    default = facts.routes.default
    is_tunnel = default is not None and kinds.get(default, InterfaceKind.UNKNOWN) is InterfaceKind.TUNNEL
    return [fine("routes", Notice("routes_direct", default=default, is_tunnel=is_tunnel, rules=len(facts.routes.rules)))]


def check_firewalls(facts: HostFacts) -> list[Finding]:
    """Say which firewalls are active. Only root can read their rules. So the network checks find out what firewalls drop."""
    if facts.firewalls:
        return [not_checked("firewall rules", Notice("firewall_rules_secret", firewalls=list(facts.firewalls)))]
    return [fine("firewall rules", Notice("no_known_firewall"))]


def check_buffers(facts: HostFacts) -> list[Finding]:
    """Check whether the system grants sockets a receive buffer of at least `BUFFER_BYTES_MIN`."""
    kilobytes, wanted = facts.buffer_bytes >> 10, facts.wanted_bytes >> 10
    if facts.buffer_bytes < BUFFER_BYTES_MIN:
        return [trouble("buffers", Notice("buffers_small", kilobytes=kilobytes, bytes=facts.wanted_bytes))]
    return [fine("buffers", Notice("buffers_granted", kilobytes=kilobytes, wanted=wanted))]


def check_outbox(facts: HostFacts) -> list[Finding]:
    """Check whether the outbox can be read. Without it, no command can send or find anything."""
    if facts.outbox_problem is not None and facts.outbox_problem.kind in ("outbox_log_damaged", "outbox_log_gone"):
        return [trouble("outbox", Notice("outbox_needs_its_log", log=f"{facts.outbox}-wal"))]
    if facts.outbox_problem is not None:
        return [trouble("outbox", Notice("outbox_unusable", problem=facts.outbox_problem, file=quote(facts.outbox)))]
    return [fine("outbox", Notice("outbox_usable", path=facts.outbox))]


def check_disk(facts: HostFacts) -> list[Finding]:
    """Check whether the folder of the outbox can be written, and whether its disk is so fast that it only pretends to write."""
    if isinstance(facts.fsync_seconds, Notice):
        return [_unwritable(facts.folder, facts.fsync_seconds)]
    microseconds = round(facts.fsync_seconds * 1e6)
    if facts.fsync_seconds < SUSPICIOUS_FSYNC_SECONDS:
        return [trouble("disk", Notice("disk_pretends", folder=facts.folder, microseconds=microseconds))]
    return [fine("disk", Notice("fsync_takes_time", folder=facts.folder, microseconds=microseconds))]


HOST_CHECKS = (
    check_settings, check_interfaces, check_routes, check_firewalls, check_buffers, check_outbox, check_disk,
)  # fmt: skip


def _unwritable(folder: str, reason: Notice) -> Finding:
    """The trouble that nothing can be written in `folder`.

    If `reason` has a value `problem`, which is the system's error text, the trouble shows that. If not, the kind of `reason`
    decides: the disk can only be read, or it is full.
    """
    if isinstance(problem := reason.values.get("problem"), str):
        return trouble("disk", Notice("folder_not_writable", folder=folder, reason=problem))
    is_read_only = reason.kind == "disk_read_only"
    kind = "folder_read_only" if is_read_only else "folder_full"
    return trouble("disk", Notice(kind, folder=quote(folder)))


def _detour_trouble(detour: Detour) -> Finding:
    """The trouble that datagrams to a LAN leave by another interface, as `detour` says."""
    interface, network, by = detour.interface, detour.network, detour.by
    if detour.by_kind is InterfaceKind.CONTAINER:
        return trouble("routes", Notice("bridge_takes_network", interface=interface, network=network, by=by))
    if detour.is_in_main:
        return trouble("routes", Notice("lan_routed_into_tunnel", interface=interface, network=network, by=by))
    if detour.is_strict:
        return trouble("routes", Notice("answers_filtered", interface=interface, network=network, by=by))
    return trouble("routes", Notice("network_in_tunnel", interface=interface, network=network, by=by))


def _described(interface: HostInterface) -> Notice:
    """A description of an interface for people: `eth0 (Ethernet, 192.168.1.5/24, broadcast 192.168.1.255, IPv6)`."""
    return Notice(
        "interface_described",
        name=interface.name,
        interface_kind=interface.kind.name,
        networks=interface.networks,
        broadcasts=interface.broadcasts if interface.kind.is_lan else (),
        has_ipv6=bool(interface.ipv6),
        is_connected=interface.is_connected,
    )
