"""The troubles that the doctor must name, and networks in good health: how each is set up."""

import signal
from collections.abc import Callable
from typing import NamedTuple

from tests.support.killed_database import damage_last_frame, killed_outbox
from tests.system.conftest import Pair
from tests.system.lab import Host, Lab, Server, shell
from tests.system.network import firewall
from tests.system.sealing import join, join_code

ONLY_ANSWERS = "iifname lo accept; ct state established,related accept; meta l4proto icmpv6 accept; counter drop"


class Case(NamedTuple):
    """A host to examine, with arguments, the troubles that it has, and the hosts on which the printed commands mend them."""

    host: Host
    troubles: set[str]
    mended_on: tuple[Host, ...] = ()
    arguments: tuple[str, ...] = ()


def pair(lab: Lab, *, ipv4: bool = True, ipv6: bool = False, is_serving: bool = True) -> Pair:
    """Two hosts, of which the laptop knows the notebook that the kitchen serves."""
    lan = lab.switch()
    hosts = Pair(lan, *(lab.host(name, lan, ipv4=ipv4, ipv6=ipv6) for name in ("kitchen", "laptop")))
    if is_serving:
        hosts.kitchen.serve_in_thread("kitchen")
        hosts.laptop.send_in_thread("before the trouble")
    return hosts


def sealed_pair(lab: Lab, *, ipv6: bool = False) -> tuple[Pair, Server]:
    """Two hosts, of which the laptop has joined the sealed notebook that the kitchen serves. Also returns the server."""
    hosts = pair(lab, ipv6=ipv6, is_serving=False)
    server = hosts.kitchen.serve("--sealed", "--name", "home")
    join([hosts.laptop], join_code(hosts.kitchen))
    return hosts, server


def healthy(lab: Lab) -> list[Case]:
    hosts = pair(lab, ipv6=True)
    return [Case(hosts.laptop, set()), Case(hosts.kitchen, set())]


def healthy_and_sealed(lab: Lab) -> list[Case]:
    hosts, _ = sealed_pair(lab, ipv6=True)
    stranger = lab.host("stranger", hosts.lan)
    return [Case(hosts.laptop, set()), Case(hosts.kitchen, set()), Case(stranger, {"nothing_answers"})]


def a_server_listens_at_loopback_only(lab: Lab) -> list[Case]:
    hosts = pair(lab, is_serving=False)
    hosts.kitchen.serve("--bind", "127.0.0.1")
    return [Case(hosts.kitchen, {"server_on_loopback"})]


def healthy_with_ipv6_only(lab: Lab) -> list[Case]:
    return [Case(pair(lab, ipv4=False, ipv6=True).laptop, set())]


def healthy_with_two_interfaces_on_one_lan(lab: Lab) -> list[Case]:
    lan, other = lab.switch(), lab.switch()
    cable = ("link", "add", "cable", "up", "master", "lan", "type", "veth", "peer")
    shell("ip", "-n", lan.namespace, *cable, "name", "cable", "netns", other.namespace)
    shell("ip", "-n", other.namespace, "link", "set", "cable", "up", "master", "lan")
    kitchen, laptop = lab.host("kitchen", lan, ipv6=False), lab.host("laptop", lan, other, ipv6=False)
    laptop.ip("addr", "flush", "dev", "eth1")
    laptop.ip("addr", "add", "10.77.1.200/24", "brd", "+", "dev", "eth1")
    kitchen.serve_in_thread("kitchen")
    return [Case(laptop, set()), Case(kitchen, set())]


def healthy_with_docker_and_a_default_route_into_a_tunnel(lab: Lab) -> list[Case]:
    hosts = pair(lab)
    add_tunnel(hosts.laptop)
    hosts.laptop.ip("route", "add", "default", "dev", "tun0")
    hosts.laptop.ip("link", "add", "docker0", "up", "type", "bridge")
    hosts.laptop.ip("addr", "add", "172.17.0.1/16", "brd", "+", "dev", "docker0")
    return [Case(hosts.laptop, set())]


def healthy_with_forty_more_interfaces(lab: Lab) -> list[Case]:
    lan = lab.switch()
    kitchen, laptop = lab.host("kitchen", lan), lab.host("laptop")
    commands = []
    for number in range(40):
        commands += [f"link add p{number} up type veth peer name q{number}", f"link set q{number} up"]
        commands += [f"addr add 10.{number}.1.1/24 brd + dev p{number}"]
    laptop.shell("ip", "-batch", "-", text="\n".join(commands))
    lab.plug_in(laptop, "eth0", lan)  # the interface of the LAN is the last one
    kitchen.serve_in_thread("kitchen")
    return [Case(laptop, set()), Case(kitchen, set())]


def a_host_without_a_lan(lab: Lab) -> list[Case]:
    return [Case(lab.host("laptop"), {"no_lan_interface"})]


def a_cable_is_unplugged(lab: Lab) -> list[Case]:
    hosts = pair(lab)
    lab.cut_cable(hosts.laptop, hosts.lan)
    return [Case(hosts.laptop, {"no_carrier"})]


def an_interface_is_switched_off(lab: Lab) -> list[Case]:
    hosts = pair(lab)
    hosts.laptop.ip("link", "set", "eth0", "down")
    return [Case(hosts.laptop, {"interface_off"}, (hosts.laptop,))]


def a_rule_forbids_the_lan(lab: Lab) -> list[Case]:
    hosts = pair(lab)
    hosts.laptop.ip("route", "add", "prohibit", "default", "table", "100")
    hosts.laptop.ip("rule", "add", "table", "100", "priority", "1000")
    return [Case(hosts.laptop, {"network_forbidden"}, (hosts.laptop,))]


def datagrams_to_the_server_are_forbidden(lab: Lab) -> list[Case]:
    hosts = pair(lab)
    firewall(hosts.laptop, leaving=f"ip daddr {hosts.kitchen.address(hosts.lan)} counter drop")
    desk = lab.host("desk", hosts.lan, ipv6=False)
    desk.send_in_thread("before the trouble")
    firewall(desk, leaving=f"ip daddr {hosts.kitchen.address(hosts.lan)} reject with icmpx admin-prohibited")
    return [Case(host, {"direct_refused"}, (host,)) for host in (hosts.laptop, desk)]


def no_route_leads_to_the_server(lab: Lab) -> list[Case]:
    hosts = pair(lab)
    hosts.laptop.set_address("10.88.1.2")
    return [Case(hosts.laptop, {"no_route"})]


def a_router_forbids_the_way_to_the_server(lab: Lab) -> list[Case]:
    hosts = pair(lab, ipv6=True, is_serving=False)
    router, laptop = hosts.kitchen, hosts.laptop
    router.ip("addr", "add", "fd00:1::2/64", "dev", "eth0", "nodad")
    router.shell("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1")
    router.ip("-6", "route", "add", "prohibit", "fd00:2::/64")
    laptop.ip("addr", "add", "fd00:1::1/64", "dev", "eth0", "nodad")
    laptop.ip("-6", "route", "add", "fd00:2::/64", "via", "fd00:1::2")
    return [Case(laptop, {"rejected_elsewhere"}, arguments=("--server", "[fd00:2::1]:6683"))]


def the_servers_host_rejects_datagrams(lab: Lab) -> list[Case]:
    hosts = pair(lab)
    desks = {reason: lab.host(f"desk {reason}", hosts.lan, ipv6=False) for reason in ("host-unreachable", "admin-prohibited")}
    rules = []
    for reason, desk in desks.items():
        desk.send_in_thread("before the trouble")
        rules.append(f"ip saddr {desk.address(hosts.lan)} udp dport 6683 reject with icmp {reason}")
    firewall(hosts.kitchen, arriving="\n".join(rules))
    return [Case(desk, {"rejected_elsewhere"}) for desk in desks.values()]


def the_servers_host_is_off(lab: Lab) -> list[Case]:
    hosts = pair(lab)
    hosts.kitchen.ip("link", "set", "eth0", "down")
    hosts.laptop.ip(*f"neigh replace {hosts.kitchen.address(hosts.lan)} lladdr 02:00:00:00:00:07 dev eth0 nud stale".split())
    return [Case(hosts.laptop, {"host_silent"})]


def nobody_serves(lab: Lab) -> list[Case]:
    return [Case(pair(lab, is_serving=False).laptop, {"nothing_answers"})]


def sending_is_forbidden(lab: Lab) -> list[Case]:
    hosts = pair(lab, ipv6=True)
    firewall(hosts.laptop, leaving="udp dport 6683-6686 counter drop")
    return [Case(hosts.laptop, {"sending_refused"}, (hosts.laptop,))]


def a_firewall_lets_in_only_answers_of_hosts_that_were_asked(lab: Lab) -> list[Case]:
    hosts = pair(lab, ipv6=True)
    firewall(hosts.laptop, arriving=ONLY_ANSWERS)
    return [Case(hosts.laptop, {"input_firewall"}, (hosts.laptop,))]


def the_servers_host_lets_nobody_in(lab: Lab) -> list[Case]:
    hosts = pair(lab, ipv6=True)
    firewall(hosts.kitchen, arriving=ONLY_ANSWERS)
    return [Case(hosts.laptop, {"server_does_not_answer"}), Case(hosts.kitchen, {"server_input_firewall"}, (hosts.kitchen,))]


def the_servers_host_sends_no_answers(lab: Lab) -> list[Case]:
    hosts = pair(lab, ipv6=True)
    firewall(hosts.kitchen, leaving='oifname "eth0" udp sport 6683 counter drop')
    hosts.laptop.run("find", "--timeout", "0.3")
    return [Case(hosts.laptop, {"server_does_not_answer"}), Case(hosts.kitchen, {"answers_refused"})]


def the_servers_host_drops_answers_to_broadcasts(lab: Lab) -> list[Case]:
    hosts = pair(lab)
    rule = "ct state established accept; udp sport 6683 counter drop"
    firewall(hosts.kitchen, leaving=rule, arriving="ct state new accept")
    return [Case(hosts.laptop, {"answers_lost"}, (hosts.laptop,))]


def the_servers_host_drops_broadcasts(lab: Lab) -> list[Case]:
    hosts = pair(lab)
    firewall(hosts.kitchen, arriving="ip daddr { 255.255.255.255, 10.77.1.255 } counter drop")
    return [Case(hosts.laptop, {"broadcasts_lost"}), Case(hosts.kitchen, {"server_input_firewall"}, (hosts.kitchen,))]


def a_vpn_takes_all_addresses(lab: Lab) -> list[Case]:
    hosts = pair(lab)
    route_everything_into_tunnel(hosts.laptop, rp_filter=0)
    return [Case(hosts.laptop, {"network_in_tunnel"}, (hosts.laptop,))]


def a_vpn_has_the_addresses_of_the_lan(lab: Lab) -> list[Case]:
    hosts = pair(lab)
    add_tunnel(hosts.laptop)
    hosts.laptop.ip("route", "prepend", "10.77.1.0/24", "dev", "tun0")
    return [Case(hosts.laptop, {"lan_routed_into_tunnel"}, (hosts.laptop,))]


def the_reverse_path_filter_drops_answers(lab: Lab) -> list[Case]:
    hosts = pair(lab)
    route_everything_into_tunnel(hosts.laptop, rp_filter=1)
    return [Case(hosts.laptop, {"answers_filtered"}, (hosts.laptop,))]


def the_servers_reverse_path_filter_drops_requests(lab: Lab) -> list[Case]:
    hosts = pair(lab)
    route_everything_into_tunnel(hosts.kitchen, rp_filter=1)
    return [Case(hosts.laptop, {"host_silent"}), Case(hosts.kitchen, {"answers_filtered"}, (hosts.kitchen,))]  # no ARP either


def a_bridge_has_the_addresses_of_the_lan(lab: Lab) -> list[Case]:
    hosts = pair(lab)
    hosts.laptop.ip("link", "add", "docker0", "up", "type", "bridge")
    hosts.laptop.ip("addr", "flush", "dev", "eth0")
    for address, interface in (("10.77.1.77", "docker0"), (hosts.laptop.address(hosts.lan), "eth0")):
        hosts.laptop.ip("addr", "add", f"{address}/24", "brd", "+", "dev", interface)
    return [Case(hosts.laptop, {"bridge_takes_network"}, (hosts.laptop,))]


def long_datagrams_are_lost(lab: Lab) -> list[Case]:
    hosts = pair(lab)
    shell("ip", "-n", hosts.lan.namespace, "link", "set", f"port{hosts.kitchen.number}", "mtu", "900")
    return [Case(hosts.laptop, {"long_datagrams_lost"}, hosts[1:])]


def datagrams_are_lost_now_and_then(lab: Lab) -> list[Case]:
    hosts = pair(lab)
    lost = "udp dport 6683 numgen inc mod 3 < 1 counter drop; udp dport 6683 udp length > 1000 counter drop"
    firewall(hosts.kitchen, arriving=f'iifname "eth0" {lost.replace("; ", chr(10) + " " * 8)}')
    return [Case(hosts.laptop, {"datagrams_lost"})]


def a_copy_is_served(lab: Lab) -> list[Case]:
    hosts = pair(lab, is_serving=False)
    server = hosts.kitchen.serve("--name", "kitchen")
    server.stop()
    copy = hosts.laptop.home / "copy.sqlite3"
    copy.write_bytes(server.notebook.read_bytes())
    server.start()
    hosts.laptop.serve("--name", "kitchen", notebook=copy)
    return [Case(lab.host("desk", hosts.lan, ipv6=False), {"served_by_two"})]


def two_notebooks_have_one_name(lab: Lab) -> list[Case]:
    hosts = pair(lab, is_serving=False)
    for host in (hosts.kitchen, hosts.laptop):
        host.serve_in_thread("home")
    return [Case(lab.host("desk", hosts.lan, ipv6=False), {"same_name"})]


def an_impostor_answers(lab: Lab) -> list[Case]:
    hosts, server = sealed_pair(lab)
    server.stop()
    lab.host("desk", hosts.lan, ipv6=False).serve_in_thread("home")
    return [Case(hosts.laptop, {"impostor_there"})]


def the_key_was_changed(lab: Lab) -> list[Case]:
    hosts, _ = sealed_pair(lab)
    hosts.kitchen.succeed("send", "from the owner")
    hosts.kitchen.succeed("key", "rotate")
    return [Case(hosts.laptop, {"key_is_old"}), Case(hosts.kitchen, set())]


def the_server_has_ended(lab: Lab) -> list[Case]:
    hosts = pair(lab, is_serving=False)
    server = hosts.kitchen.serve("--name", "kitchen")
    hosts.laptop.send_in_thread("before the trouble")
    server.stop()
    return [Case(hosts.laptop, {"no_program_there"})]


def the_server_here_hangs(lab: Lab) -> list[Case]:
    hosts = pair(lab, is_serving=False)
    server = hosts.kitchen.serve("--name", "kitchen")
    for host in (hosts.kitchen, hosts.laptop):
        host.send_in_thread("before the trouble")
    server.process.signal(signal.SIGSTOP)
    return [Case(hosts.kitchen, {"program_here_silent"}), Case(hosts.laptop, {"server_does_not_answer"})]


def the_router_keeps_clients_apart(lab: Lab) -> list[Case]:
    hosts = pair(lab, ipv6=True)
    for host in hosts[1:]:
        shell("bridge", "-n", hosts.lan.namespace, "link", "set", "dev", f"port{host.number}", "isolated", "on")
    hosts.laptop.ip("neigh", "flush", "all")
    named = hosts.kitchen.address(hosts.lan)
    return [Case(hosts.laptop, {"host_silent"}, arguments=("--server", named))]


def the_named_host_is_unknown(lab: Lab) -> list[Case]:
    return [Case(pair(lab).laptop, {"host_unknown"}, arguments=("--server", "nowhere.invalid"))]


def the_outbox_is_damaged(lab: Lab) -> list[Case]:
    hosts = pair(lab)
    desk = lab.host("desk", hosts.lan, ipv6=False)
    (desk.home / "outbox.sqlite3").write_text("no outbox")
    outbox = hosts.laptop.home / "outbox.sqlite3"
    outbox.write_bytes(outbox.read_bytes()[:8192] + b"\xff" * 99_999)
    return [Case(host, {"outbox_unusable"}, (host,)) for host in (hosts.laptop, desk)]


def the_address_has_another_notebook(lab: Lab) -> list[Case]:
    hosts = pair(lab, is_serving=False)
    server = hosts.kitchen.serve("--name", "kitchen")
    hosts.laptop.send_in_thread("before the trouble")
    server.stop()
    hosts.kitchen.serve("--name", "work", notebook=hosts.kitchen.home / "other.sqlite3")
    return [Case(hosts.laptop, {"another_notebook_there"})]


def the_log_of_the_outbox_is_damaged(lab: Lab) -> list[Case]:
    hosts = pair(lab)
    attic = lab.host("attic", hosts.lan, ipv6=False)
    killed_outbox(attic.home / "outbox.sqlite3")
    damage_last_frame(attic.home / "outbox.sqlite3")
    return [Case(attic, {"outbox_needs_its_log"})]


def settings_are_wrong(lab: Lab) -> list[Case]:
    hosts = pair(lab)
    hosts.laptop.environ |= {"UDPNOTE_WAIT": "soon", "UDPNOTE_KEY_FILE": "/dev/null"}
    (hosts.kitchen.home / "config.toml").write_text('port = "\n')
    (hosts.kitchen.home / "notebook.sqlite3.key").write_text('key = "damaged"\n')
    return [Case(hosts.laptop, {"variable_wrong"}), Case(hosts.kitchen, {"settings_file_wrong", "own_key_file_wrong"})]


def the_home_cannot_be_written(lab: Lab) -> list[Case]:
    laptop = pair(lab).laptop
    laptop.home.chmod(0o500)
    return [Case(laptop, {"folder_not_writable"})]


def add_tunnel(host: Host) -> None:
    host.ip("tuntap", "add", "dev", "tun0", "mode", "tun")
    host.ip("link", "set", "tun0", "up")
    host.ip("addr", "add", "10.99.0.2/32", "dev", "tun0")


def route_everything_into_tunnel(host: Host, *, rp_filter: int) -> None:
    """Do what a VPN does that takes all addresses. `rp_filter` is the mode of Linux's reverse path filter."""
    add_tunnel(host)
    host.ip("route", "add", "default", "dev", "tun0", "table", "100")
    host.ip("rule", "add", "table", "100", "priority", "1000")
    for interface in ("all", "eth0"):
        host.shell("sysctl", "-qw", f"net.ipv4.conf.{interface}.rp_filter={rp_filter}")


CASES: list[Callable[[Lab], list[Case]]] = [
    healthy, healthy_and_sealed, a_server_listens_at_loopback_only, healthy_with_ipv6_only,
    healthy_with_two_interfaces_on_one_lan, healthy_with_docker_and_a_default_route_into_a_tunnel,
    healthy_with_forty_more_interfaces, a_host_without_a_lan, a_cable_is_unplugged, an_interface_is_switched_off,
    a_rule_forbids_the_lan, nobody_serves, sending_is_forbidden,
    datagrams_to_the_server_are_forbidden, no_route_leads_to_the_server,
    a_firewall_lets_in_only_answers_of_hosts_that_were_asked, the_servers_host_lets_nobody_in,
    the_servers_host_sends_no_answers, the_servers_host_drops_answers_to_broadcasts, the_servers_host_drops_broadcasts,
    a_vpn_takes_all_addresses, a_vpn_has_the_addresses_of_the_lan, the_reverse_path_filter_drops_answers,
    the_servers_reverse_path_filter_drops_requests,
    a_bridge_has_the_addresses_of_the_lan, long_datagrams_are_lost, datagrams_are_lost_now_and_then,
    a_copy_is_served, two_notebooks_have_one_name,
    an_impostor_answers, the_key_was_changed, the_server_has_ended, the_server_here_hangs, the_router_keeps_clients_apart,
    the_named_host_is_unknown, the_outbox_is_damaged, the_log_of_the_outbox_is_damaged, settings_are_wrong,
    the_home_cannot_be_written, the_address_has_another_notebook, a_router_forbids_the_way_to_the_server,
    the_servers_host_rejects_datagrams, the_servers_host_is_off,
]  # fmt: skip
