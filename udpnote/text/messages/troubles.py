"""The troubles that `udpnote doctor` knows, and the commands that mend them. A table in docs/how-to.md is made from them."""

from collections.abc import Mapping
from string import Formatter
from typing import NamedTuple

from udpnote.errors import Notice
from udpnote.text.language import gettext as _

_USUAL_PORTS = (6683, 6686)
"""The first and the last UDP port of servers that were given no port, for the commands in docs/how-to.md."""

_OPEN_SERVER = {
    "nft": "sudo nft insert rule inet filter input udp dport {ports} accept",
    "ufw": "sudo ufw allow {ports}/udp",
    "firewalld": "sudo firewall-cmd --add-port={ports}/udp",
}
_OPEN_CLIENT = {
    "nft": "sudo nft insert rule inet filter input udp sport {ports} accept",
    "ufw": "sudo ufw allow proto udp from any port {ports}",
    "firewalld": "sudo firewall-cmd --add-source-port={ports}/udp",
}
_OPEN_QUESTIONS = {
    "nft": "sudo nft insert rule inet filter output udp dport {ports} accept",
    "ufw": "sudo ufw allow out {ports}/udp",
    "firewalld": "sudo nft insert rule inet filter output udp dport {ports} accept",
}
_OPEN_ANSWERS = {
    "nft": "sudo nft insert rule inet filter output udp sport {ports} accept",
    "ufw": "sudo ufw allow out proto udp from any port {ports}",
    "firewalld": "sudo nft insert rule inet filter output udp sport {ports} accept",
}
"""For each firewall, the commands that let datagrams pass: in to a server (`_OPEN_SERVER`), in from a server (`_OPEN_CLIENT`),
out to a server (`_OPEN_QUESTIONS`), and out from a server (`_OPEN_ANSWERS`). `ports` is the value `ports` of the `Notice`, the
first and the last port, as the firewall writes it (see `_range`).

firewalld has no such rules for what leaves the host, so the commands for it are those of nft.
"""

_SERVE = {"usual_port": "udpnote serve", "other_port": "udpnote serve --port {port}"}
"""The commands that start a server: at a port where clients look by themselves, and at another `port` of the `Notice`."""


class Trouble(NamedTuple):
    """A trouble that the doctor knows.

    `sentence` is a template for what the doctor has seen, and `cure` is a template for the command that mends it. If the
    command depends on the firewall or on the server's port, `cure` is a dict of templates (see `_variant`). The templates use
    the values of the `Notice`. `meaning` explains the trouble to readers of docs/how-to.md. `place` says where to run the
    command; it is empty if that is this host.
    """

    sentence: str
    cure: str | Mapping[str, str]
    meaning: str
    place: str = ""


TROUBLES: dict[str, Trouble] = {
    # This host
    "no_lan_interface": Trouble(
        "this host has no address on a LAN",
        "ip -br address",
        "No cable and no Wi-Fi is connected, or the interface has no address. The command lists the interfaces.",
    ),
    "interface_off": Trouble(
        "the interface {interface} has an address, but is switched off",
        "sudo ip link set dev {interface} up",
        "Nothing leaves by it, and nothing arrives.",
    ),
    "no_carrier": Trouble(
        "no interface to a LAN is connected ({interfaces}): a cable is unplugged, a switch is off, or no Wi-Fi is joined",
        "ip -br link",
        "Plug the cable in, or join the Wi-Fi. The command then shows LOWER_UP behind the interface.",
    ),
    "network_forbidden": Trouble(
        "a rule or route of this host forbids datagrams to {network}, the LAN of {interface}",
        "sudo ip rule add to {network} lookup main priority 100",
        "A VPN's kill switch forbids all that does not go into its tunnel. Many VPNs can be set to permit the local network.",
    ),
    "network_in_tunnel": Trouble(
        "datagrams to {network}, the LAN of {interface}, leave by the tunnel {by}. So no host of the LAN gets them",
        "sudo ip rule add to {network} lookup main priority 100",
        "A VPN has taken over all addresses, those of your LAN too. Many VPNs have a setting that permits the local network.",
    ),
    "lan_routed_into_tunnel": Trouble(
        "the main routes of this host lead datagrams to {network}, the LAN of {interface}, into the tunnel {by}",
        "sudo ip route add {network} dev {interface} table 6683 && sudo ip rule add to {network} lookup 6683 priority 100",
        "A network behind a VPN has addresses of your LAN. After the command, they mean hosts of your LAN.",
    ),
    "answers_filtered": Trouble(
        "{interface} drops datagrams from its own LAN, {network}. The reason is that datagrams to that LAN leave by {by}, "
        "and the reverse-path filter of {interface} is strict (rp_filter = 1)",
        "sudo ip rule add to {network} lookup main priority 100",
        "Probes leave this host, but the kernel drops the answers. Usually a VPN has taken over the addresses of your LAN.",
    ),
    "bridge_takes_network": Trouble(
        "the bridge {by} has the addresses of {network}, the LAN of {interface}: datagrams to the LAN end in the bridge",
        "sudo ip link set {by} down",
        "Docker or a virtual machine has a network with the addresses of your LAN. Give it another network for good.",
    ),
    "buffers_small": Trouble(
        "the system grants a receive buffer of {kilobytes:,} KiB only, so some answers are lost",
        "sudo sysctl -w net.core.rmem_max={bytes}",
        "Answers that arrive together do not fit, and are lost.",
    ),
    "outbox_unusable": Trouble(
        "{problem}. Without the outbox, no command sends or finds anything",
        "mv {file} {file}.aside",
        "The command puts the file aside, and udpnote makes a new one. Entries that wait and keys of joined notebooks stay in "
        "the old file. If the message says how to mend the file, that is better.",
    ),
    "outbox_needs_its_log": Trouble(
        "{log}, the log with the latest changes of the outbox, is damaged, cut or gone. Notes that were not stored yet may be "
        "lost",
        "udpnote outbox",
        "The command keeps a damaged log under another name, goes on with what can be read, and prints which notes wait.",
    ),
    "variable_wrong": Trouble(
        "{problem}. Until this is mended, no other command works. This examination goes on without {variable}",
        "unset {variable}",
        "An environment variable has a value that no command can use. The command removes it. Or set it to a valid value.",
    ),
    "settings_file_wrong": Trouble(
        "{problem}. Until this is mended, no other command works. This examination goes on without the settings file",
        "${{EDITOR:-vi}} {file}",
        "The settings file cannot be read, or a value in it is wrong. The command opens it in an editor.",
    ),
    "own_key_file_wrong": Trouble(
        "{problem}",
        "mv {file} {file}.aside && udpnote key rotate",
        "The key file of the notebook on this host is damaged. The command makes a new key, so every client must join again. "
        "Better: restore the file from a backup, or write a client's join code into it.",
    ),
    "folder_full": Trouble(
        "the disk with {folder} is full, so no note can be put into the outbox, and none is sent",
        "df -h {folder}",
        "A note is sent only after it is safe in the outbox. The command shows how full the disk is: free some space.",
    ),
    "folder_read_only": Trouble(
        "the disk with {folder} is read-only, so no note can be put into the outbox, and none is sent",
        'sudo mount -o remount,rw "$(findmnt -n -o TARGET -T {folder})"',
        "A note is sent only after it is safe in the outbox. After an error, a disk becomes read-only: see `sudo dmesg`.",
    ),
    "folder_not_writable": Trouble(
        "nothing can be written in {folder} ({reason}), so no note can be put into the outbox, and none is sent",
        "export UDPNOTE_HOME=/var/lib/udpnote",
        "A note is sent only after it is safe in the outbox. The variable names a folder in which you may write.",
    ),
    "disk_pretends": Trouble(
        "an fsync in {folder} takes {microseconds} µs. Hardly any disk writes so fast, so a power failure may lose entries",
        "export UDPNOTE_HOME=/var/lib/udpnote",
        "The folder is in memory, or the disk only pretends to write. The variable names a folder on another disk.",
    ),
    "sending_refused": Trouble(
        "the system refuses to send probes by {interfaces} ({reason}). A firewall on this host forbids it, or a VPN that "
        "permits no other way out",
        _OPEN_QUESTIONS,
        "A rule for outgoing datagrams forbids them, as a VPN's kill switch does.",
    ),
    "input_firewall": Trouble(
        "this host does not hear its own broadcasts on {interfaces}, but hears what it sends to its own addresses. So the "
        "firewall of this host drops the answers to discovery",
        _OPEN_CLIENT,
        "The firewall lets in only answers from the address that was asked. The answer to a broadcast comes from another one.",
    ),
    "server_input_firewall": Trouble(
        "the server on this host does not hear broadcasts that arrive at {interfaces}, but hears this host in other ways. "
        "So the firewall of this host drops the broadcasts",
        _OPEN_SERVER,
        "The firewall of the notebook's host does not let the server's port in, so no other machine finds the notebook.",
    ),
    "server_on_loopback": Trouble(
        "the server on this host listens at {hosts} only, so no other machine reaches it",
        "udpnote serve",
        "`--bind`, `UDPNOTE_BIND` or the settings file names an address of this host alone. Serve without it.",
    ),
    "answers_refused": Trouble(
        "in the last minute this host's system has refused to send {answers:,} answers of the server. A firewall on this "
        "host forbids it",
        _OPEN_ANSWERS,
        "The server hears the questions of other machines, but a rule for outgoing datagrams forbids its answers.",
    ),
    # Between hosts
    "host_unknown": Trouble(
        "{problem}",
        "getent hosts {host}",
        "The server's name in `--server`, `UDPNOTE_SERVER` or the settings file has no address. Its IP address works, too.",
    ),
    "datagrams_lost": Trouble(
        "{lost} of {sent} short datagrams to {server}, or the answers to them, were lost. The Wi-Fi or a cable is bad, or "
        "the network or a host is overloaded",
        "ping -c 20 {host}",
        "Notes arrive all the same, but late. The command counts the packets that are lost: try another place or cable.",
    ),
    "answers_lost": Trouble(
        "{server} hears the broadcasts of this host. Its answers to broadcasts do not arrive here, but its answers to direct "
        "questions do. A firewall on the way, on this host or there drops the answers to broadcasts",
        "export UDPNOTE_SERVER={server}",
        "Some firewalls pass an answer only if it comes from the address that was asked. A named server is asked directly.",
    ),
    "broadcasts_lost": Trouble(
        "{server} does not hear the broadcasts of this host, but answers when it is asked directly. The firewall there or "
        "the Wi-Fi drops broadcasts",
        "export UDPNOTE_SERVER={server}",
        "Discovery needs broadcasts. `udpnote doctor` on the server's host tells whether the firewall there drops them.",
    ),
    "direct_refused": Trouble(
        "the system refuses to send datagrams to {server}. A firewall on this host forbids it, or a VPN that permits no "
        "other way out",
        _OPEN_QUESTIONS,
        "A rule for outgoing datagrams forbids them, as a VPN's kill switch does.",
    ),
    "direct_lost": Trouble(
        "{server} answers broadcasts, but not when it is asked directly. Datagrams to it take a wrong way, or a firewall "
        "drops them",
        "ip route get {host}",
        "Notes are sent directly, so nothing is stored. The command shows by which interface datagrams to the server leave.",
    ),
    "long_datagrams_lost": Trouble(
        "{server} answers short datagrams, but none with more than {bytes:,} bytes. The network on the way loses long "
        "datagrams",
        "sudo ip link set dev {interface} mtu {mtu}",
        "A switch or tunnel between the hosts passes only shorter packets (MTU). Reading notes needs long ones.",
        "on both hosts",
    ),
    "no_program_there": Trouble(
        "{name} should be at {server}, but that host says that no program receives there. The server does not run, or the "
        "firewall there rejects datagrams",
        _SERVE,
        "Run the command on the notebook's host, with `--port` only if clients must be told the port, too. If the server runs "
        "there already, `udpnote doctor` there tests the firewall.",
        "on that host",
    ),
    "another_notebook_there": Trouble(
        "{name} should be at {server}, but another notebook, {other}, answers there. This host may be in another network, or "
        "the server of {name} may have another address or be off",
        "udpnote use {notebook_id}",
        "Run the command only if you want to use the other notebook from now on. Entries for the earlier one wait until its "
        "server answers.",
    ),
    "server_does_not_answer": Trouble(
        "{name} should be at {server}. That host is on, but no server answers there. A firewall there or here may drop the "
        "datagrams, or the server may hang. Or the notebook was sealed or got a new key",
        "udpnote doctor",
        "Run the command on the notebook's host: there it finds out whether the firewall drops datagrams to the server.",
        "on that host",
    ),
    "program_here_silent": Trouble(
        "a program on this host listens at {users}, but does not answer. It may be a server that hangs, the server of "
        "a sealed notebook that you have not joined, or another program",
        "sudo ss -ulpn",
        "The command lists programs and their ports. If it is a server of udpnote, start it again, or join its notebook.",
    ),
    "host_silent": Trouble(
        "{name} should be at {server}, but nothing answers there, not even the host itself. The host is off or elsewhere, "
        "or the router keeps Wi-Fi clients apart",
        "ping -c 3 {host}",
        "Turn the notebook's host on, or connect it to the same network; a guest Wi-Fi often keeps its clients apart.",
    ),
    "no_route": Trouble(
        "{name} should be at {server}, but this host has no route there. The server is in another network",
        "ip route get {host}",
        "Connect both hosts to one network, or give this one a router. The command shows the route, as soon as there is one.",
    ),
    "rejected_elsewhere": Trouble(
        "{name} should be at {server}, but a router or firewall on another host rejects datagrams to that address. A rule "
        "there forbids them, or the router has no route",
        "udpnote doctor",
        "Run the command on the notebook's host: it tests the firewall there. If it finds no fault, a router rejects them.",
        "on that host",
    ),
    "server_far": Trouble(
        "{name} should be at {server}, outside this LAN, but nothing answers there. The host is off, the server does not "
        "run, or a router or firewall on the way drops UDP",
        "ping -c 3 {host}",
        "If the host answers, run `udpnote doctor` there.",
    ),
    "served_by_two": Trouble(
        "two servers have the notebook {name}, at {address} and at {other}: one of them serves a copy",
        "udpnote list --server {other}",
        "Each entry is stored in only one of the two. The command shows what the second has: end the wrong server.",
    ),
    "same_name": Trouble(
        "{count} notebooks have the name {name}, and none of them is chosen",
        "udpnote use {notebook_id}",
        "A name is enough only if one notebook of the LAN has it. `udpnote find` shows which id is which.",
    ),
    "impostor_there": Trouble(
        "the server at {address} claims to be {name}, which is sealed, but does not have the key of {name}",
        "udpnote join",
        "Nothing is sent there. If the owner has unsealed it, run `udpnote leave NAME`; if the key was changed, join again.",
    ),
    "key_is_old": Trouble(
        "the key of {name} has changed, and this machine has the old one",
        "udpnote join",
        "The notebook's owner sees the new code with `udpnote key show`, and the command asks for it.",
    ),
    "clock_off": Trouble(
        "the clocks of this host and of {server} differ by {seconds:,} s, so the times of notes are wrong",
        "sudo timedatectl set-ntp true",
        "Run the command on the host whose clock is wrong. Notes are found in spite of it, but in a wrong order.",
        "on the host whose clock is wrong",
    ),
    "nothing_answers": Trouble(
        "nothing answers on this LAN, and no fault was found on this host. Perhaps no server runs, or the server is in "
        "another network or behind a firewall",
        "udpnote serve",
        "Run the command on the machine that should keep the notes. If a server runs there, run `udpnote doctor` there.",
        "on the host of the notebook",
    ),
}


def cure_of(notice: Notice) -> str:
    """The command that mends the trouble of `notice`, whose kind is one of `TROUBLES`."""
    cure, values = TROUBLES[notice.kind].cure, dict(notice.values)
    if isinstance(cure, str):
        return cure.format(**values)
    variant = _variant(values)
    if isinstance(ports := values.get("ports"), tuple):
        values["ports"] = _range(variant, *ports)
    return cure[variant].format(**values)


def _variant(values: Mapping[str, object]) -> str:
    """The key of the template in `Trouble.cure` for a notice with these `values`.

    It is the name of the firewall. Without a firewall, it is `usual_port` if the value `port` is None, else `other_port`.
    """
    if "firewall" in values:
        return str(values["firewall"])
    return "usual_port" if values["port"] is None else "other_port"


def place_of(notice: Notice) -> str:
    """Where to run the command of `cure_of(notice)`, such as `on both hosts`; the empty string for this host."""
    place = TROUBLES[notice.kind].place
    return place and _(place)


def trouble_table() -> str:
    """The rows of the table of troubles in docs/how-to.md, with the names of values in place of the values."""
    rows = []
    for sentence, cure, meaning, place in TROUBLES.values():
        templates = {"": cure} if isinstance(cure, str) else cure
        commands = {_with_names(template, ports=_range(key, *_USUAL_PORTS)): None for key, template in templates.items()}
        shown = "<br>".join(f"`{command}`" for command in commands)
        rows.append(f"| {_with_names(sentence)} | {meaning} | {f'{place}: ' if place else ''}{shown} |\n")
    return "".join(rows)


def _range(firewall: str, first: int, last: int) -> str:
    """The UDP ports from `first` to `last`, as the commands of `firewall` (see `Trouble.cure`) take them."""
    sign = ":" if firewall == "ufw" else "-"
    return str(first) if first == last else f"{first}{sign}{last}"


def _with_names(template: str, ports: str = "") -> str:
    """`template` with the name of each value, in capital letters, in place of the value. Only `ports` has its value."""
    pieces = [(text, name or "") for text, name, *_more in Formatter().parse(template)]
    return "".join(text + (ports if name == "ports" else name.upper().replace("_", "-")) for text, name in pieces)
