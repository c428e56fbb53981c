"""A switch that loses and doubles what passes through it, one datagram at a time, by the rules of nftables."""

import re

from tests.system.lab import Host, Switch, require_tool, shell

LOSS = """
table bridge loss {{
    chain passing {{
        type filter hook forward priority 0
        meta l4proto udp numgen random mod 100 < {percent} counter drop
    }}
}}
"""

DOUBLING = """
table netdev double {{
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
    """Have `switch` lose so many of the datagrams that pass through it, in each direction."""
    _rule(switch, LOSS.format(percent=percent))


def double(switch: Switch, one: Host, other: Host, *, percent: int) -> None:
    """Have `switch` double so many of the datagrams between the two hosts, in each direction."""
    _rule(switch, DOUBLING.format(percent=percent, one=f"port{one.number}", other=f"port{other.number}"))


def be_perfect(switch: Switch) -> None:
    """End all of that; fail if it was nothing at all."""
    counted = met(shell("ip", "netns", "exec", switch.namespace, "nft", "list", "ruleset"))
    assert counted, "the switch has no rules"
    assert all(counted), "the switch has done nothing to what passed through it"
    _rule(switch, "flush ruleset")


def met(rules: str) -> list[int]:
    """How many datagrams each rule has met."""
    return [int(packets) for packets in re.findall(r"counter packets (\d+)", rules)]


def _rule(switch: Switch, rules: str) -> None:
    require_tool("nft")
    shell("ip", "netns", "exec", switch.namespace, "nft", "-f", "-", text=rules)
