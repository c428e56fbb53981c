"""The sentences of `udpnote doctor`."""

from collections.abc import Sequence

from udpnote.errors import Notice
from udpnote.text.joining import listed
from udpnote.text.language import gettext as _
from udpnote.text.language import marked, ngettext
from udpnote.text.messages.forms import Sentence
from udpnote.text.messages.troubles import TROUBLES


def _routes_direct(default: str | None, is_tunnel: bool, rules: int) -> str:
    """`default` is the interface of the default route, or None if there is none. `is_tunnel` says whether it is a tunnel.

    `rules` is the number of policy rules.
    """
    if default is None:
        routes = _("datagrams to each LAN leave by its own interface; no route leads beyond the LAN")
    elif is_tunnel:
        routes = _(
            "datagrams to each LAN leave by its own interface. The default route leads into the tunnel {default}, but does "
            "not take datagrams to the LAN"
        )
    else:
        routes = _("datagrams to each LAN leave by its own interface; the default route leaves by {default}")
    routes = routes.format(default=default)
    if rules:
        return ngettext("{routes}; 1 policy rule", "{routes}; {count} policy rules", rules).format(routes=routes, count=rules)
    return routes


def _server_hears(hosts: Sequence[Notice]) -> str:
    if not hosts:
        return _("the server here has heard no other host yet")
    return _("the server here has heard {hosts}").format(hosts=listed(map(str, hosts)))


_INTERFACE_KINDS = {
    "ETHERNET": marked("Ethernet"),
    "WIFI": marked("Wi-Fi"),
    "VIRTUAL": marked("virtual Ethernet"),
    "BRIDGE": marked("bridge"),
    "CONTAINER": marked("bridge of containers or virtual machines"),
    "TUNNEL": marked("tunnel"),
    "UNKNOWN": marked("interface"),
}
"""What an interface is, as people call it. The keys are the names of `lan.host_network.InterfaceKind`."""


def _interface_described(
    name: str, interface_kind: str, networks: Sequence[str], broadcasts: Sequence[str], has_ipv6: bool, is_connected: bool
) -> str:
    facts = [_(_INTERFACE_KINDS.get(interface_kind, interface_kind)), *networks]
    facts += [_("broadcast {address}").format(address=each) for each in broadcasts]
    facts += ["IPv6"] if has_ipv6 else []
    facts += [] if is_connected else [_("not connected")]
    return _("{name} ({facts})").format(name=name, facts=listed(facts))


SENTENCES: dict[str, Sentence] = {
    **{kind: each.sentence for kind, each in TROUBLES.items()},
    # This host
    "interfaces_listed": "{interfaces}",
    "interface_described": _interface_described,
    "routes_direct": _routes_direct,
    "interfaces_alike": (
        "datagrams to {network}, the LAN of {interface}, leave by {by}. That is right if both interfaces lead to "
        "the same LAN. If not, no host on the LAN of {interface} gets the datagrams: give one of the two LANs other addresses"
    ),
    "routes_lead_nowhere": "no interface leads to a LAN",
    "routes_not_known": "this system does not say by which interface datagrams leave",
    "no_known_firewall": "neither ufw nor firewalld is active here, as far as this user can see",
    "firewall_rules_secret": "only root can read the firewall's rules, so test datagrams show what the firewall drops",
    "buffers_granted": "udpnote asked for a receive buffer of {wanted:,} KiB, and the system grants {kilobytes:,} KiB",
    "fsync_takes_time": "an fsync in {folder} takes {microseconds:,} µs",
    "outbox_usable": "{path}",
    "settings_usable": "the options, the variables and the settings file can be used",
    "port_used": "a server answers; these addresses are in use: {users}",
    "port_unused": "no program on this host uses the ports of udpnote's servers",
    "ports_not_known": "this system does not say which program uses a port",
    "name_not_known": "the name of the server cannot be looked up while this host has no LAN",
    "port_user_silent": (
        "a program listens at {users}, but does not answer. It is not a server of udpnote, or it hangs, or it serves a "
        "sealed notebook that you have not joined"
    ),
    "asked_on": "asked on {interfaces}",
    "asked_nowhere": "only this host itself could be asked",
    "not_asked_on": "{interface} could not be asked: {reason}",
    "own_broadcasts_heard": "broadcasts that arrive at {interfaces} are let in",
    "own_broadcasts_not_needed": (
        "this host does not hear its own broadcasts on {interfaces}. This does no harm, because the answers that it needs "
        "arrive"
    ),
    "own_broadcasts_not_sent": "this host could not send an IPv4 broadcast to any LAN",
    "server_hears": _server_hears,
    "host_heard": "{host} ({network} on {interface}, {seconds:,} s ago)",
    "host_heard_elsewhere": "{host} (another network, {seconds:,} s ago)",
    "port_user": "{address} (user {user})",
    "server_asked_elsewhere": (
        "it is not known which hosts the server here has heard: it says that only at a loopback address, and it listens at "
        "none. To see these hosts, start the server without `--bind`"
    ),
    # Between hosts
    "notebooks_found": "{notebooks}",
    "notebook_at": "{name} at {address}",
    "named_server": "the server",
    "nothing_found": "no notebook has answered",
    "no_datagram_lost": "{server} has answered all of {sent} short datagrams",
    "few_datagrams_lost": (
        "{server} has answered {answered} of {sent} short datagrams. The others were lost, perhaps by accident: run `udpnote "
        "doctor` again"
    ),
    "long_datagrams_uncertain": (
        "{server} has answered no long datagram. Several short datagrams were lost, too, so the length may not be the cause"
    ),
    "broadcasts_answered": "{server} hears the broadcasts of this host, and its answers arrive",
    "broadcasts_not_needed": (
        "{server} does not answer the broadcasts of this host. It answers you all the same, because you name it"
    ),
    "no_server_elsewhere": (
        "no server on another host could be examined, so neither the network on the way nor the clock there was checked"
    ),
    "server_beyond_lan": "{server} is outside this LAN, and broadcasts do not leave the LAN: name the server with `--server`",
    "too_many_interfaces": (
        "it is not known whether {server} hears the broadcasts of this host: this host has too many interfaces for the check"
    ),
    "only_ipv6_answers": "{server} answers by IPv6 only. It has no IPv4 address on this LAN, or cannot use it",
    "long_datagrams_pass": "the longest datagrams that udpnote sends reach {server}, and their answers arrive",
    "ipv6_answers": "{server} answers by link-local IPv6, too",
    "ipv6_not_checked": "{server} has not answered by link-local IPv6, and may not have it",
    "clocks_agree": "the clocks of this host and of {server} differ by less than {seconds} s",
    "sealed_perhaps": (
        "there may be sealed notebooks that are not shown here: they answer only machines that have joined them"
    ),
}
