"""A switch that loses and duplicates datagrams by the rules of nftables."""

import re

from tests.system.lab import Host, Switch, shell

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
