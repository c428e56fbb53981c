"""Rules of nftables: hosts that drop datagrams, and a switch that loses and duplicates them."""

import re

from tests.system.lab import Host, Switch, shell

FIREWALL = """
table inet filter {{
    chain input {{
        type filter hook input priority 0
        {arriving}
    }}
    chain output {{
        type filter hook output priority 0
        {leaving}
    }}
}}
"""

LOSS = """
table bridge loss {{
    chain passing {{
        type filter hook forward priority 0
        meta l4proto udp numgen random mod 100 < {percent} counter drop
    }}
}}
"""

DUPLICATION = """
table netdev duplication {{
    chain there {{
        type filter hook ingress device "{one}" priority 0
        numgen random mod 100 < {percent} counter dup to "{other}"
    }}
    chain back {{
        type filter hook ingress device "{other}" priority 0
        numgen random mod 100 < {percent} counter dup to "{one}"
    }}
}}
"""


def firewall(host: Host, *, arriving: str = "", leaving: str = "") -> None:
    """Have `host` apply these rules to the datagrams that arrive there, and to those that leave it."""
    host.shell("nft", "-f", "-", text=FIREWALL.format(arriving=arriving, leaving=leaving))


def lose(switch: Switch, *, percent: int) -> None:
    """Have `switch` drop this share of the datagrams that pass through it, in each direction."""
    _load(switch, LOSS.format(percent=percent))


def duplicate(switch: Switch, one: Host, other: Host, *, percent: int) -> None:
    """Have `switch` duplicate this share of the datagrams between the two hosts, in each direction."""
    _load(switch, DUPLICATION.format(percent=percent, one=f"port{one.number}", other=f"port{other.number}"))


def end_trouble(switch: Switch) -> None:
    """Remove all rules; fails if one of them never matched a datagram."""
    rules = shell("ip", "netns", "exec", switch.namespace, "nft", "list", "ruleset")
    matches = [int(packets) for packets in re.findall(r"counter packets (\d+)", rules)]
    assert matches, "the switch has no rules"
    assert all(matches), "a rule of the switch never matched"
    _load(switch, "flush ruleset")


def _load(switch: Switch, rules: str) -> None:
    shell("ip", "netns", "exec", switch.namespace, "nft", "-f", "-", text=rules)
