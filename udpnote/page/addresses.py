"""The addresses of the page, as a browser takes them, and this host's DNS names, as browsers and certificates write them."""

import ipaddress
import re
from collections.abc import Sequence

from udpnote.model.address import is_loopback

PORT_MAX = 65535

_IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def page_addresses(bind: str | None, port: int, own: Sequence[str], *, is_https: bool = False) -> list[str]:
    """Return the addresses (URLs) at which other machines can open a page that listens at TCP `port`.

    They begin with `https://` if `is_https` is true, else with `http://`. For `bind` and `own` see `listened_addresses`. If
    `bind` is a host name or a single address, the only result has that host. Otherwise, the results have the IPv4 addresses
    that are neither loopback nor link-local or, without any, such IPv6 addresses or, without any, `localhost`.
    """
    return [f"{'https' if is_https else 'http'}://{host}:{port}" for host in _hosts(bind, own)]


def listened_addresses(bind: str | None, own: Sequence[str]) -> Sequence[str]:
    """Return the IP addresses of this machine at which a page listens whose option `--bind` has the value `bind`.

    `own` are all IP addresses of this machine. A page listens at all of them if `bind` is None, at those of one family if it is
    `0.0.0.0` or `::`, and otherwise at the address `bind`. If `bind` is a host name, the results are `own`.
    """
    address = _address(bind)
    if address is None:
        return own
    if not address.is_unspecified:
        return [str(address)]
    return [each for each in own if ipaddress.ip_address(each).version == address.version]


def certificate_port(port: int) -> int:
    """Return the TCP port at which a page over HTTPS at `port` offers its certificate: the next port, or 65534 if `port` is
    65535.
    """
    return port + 1 if port < PORT_MAX else port - 1


def is_for_this_machine(bind: str | None, own: Sequence[str]) -> bool:
    """Whether only browsers on this machine can open a page that listens at `bind`. `listened_addresses` explains the
    arguments.
    """
    host = _hosts(bind, own)[0]
    return host == "localhost" or is_loopback((host.strip("[]"), 0))


def _hosts(bind: str | None, own: Sequence[str]) -> list[str]:
    address = _address(bind)
    if bind is not None and address is None:
        return [bind]
    if address is not None and not address.is_unspecified:
        return [_in_url(address)]
    listened = map(ipaddress.ip_address, listened_addresses(bind, own))
    outside = [each for each in listened if not (each.is_loopback or each.is_link_local)]
    return [str(each) for each in outside if each.version == 4] or [_in_url(each) for each in outside] or ["localhost"]


def _in_url(address: _IpAddress) -> str:
    return f"[{address}]" if address.version == 6 else str(address)


def _address(bind: str | None) -> _IpAddress | None:
    """Return the IP address `bind`, without a zone. Return None if it is None or a host name."""
    try:
        return ipaddress.ip_address((bind or "").partition("%")[0])
    except ValueError:
        return None


_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_DNS_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")


def dns_name(name: str) -> str | None:
    """Return the name of a host in the form that certificates use: in lower case, and in ASCII by IDNA (RFC 3490).

    Return None if no certificate can have this name, or if it is an IP address.
    """
    try:
        encoded = name.strip().rstrip(".").lower().encode("idna").decode().lower()
    except UnicodeError:
        return None
    is_name = len(encoded) <= 253 and _DNS_NAME.fullmatch(encoded) and not encoded.rpartition(".")[2].isdigit()
    return encoded if is_name else None


def own_names(host: str) -> list[str]:
    """Return the names of this host that certificates may have, such as `localhost` and `pi.local`.

    `host` is the operating system's name for the host, with or without a domain.
    """
    name = dns_name(host) or "localhost"
    names = ["localhost", f"{name.partition('.')[0]}.local", name]
    return list(dict.fromkeys(each for each in names if is_for_one_host(each) and each != "localhost.local"))


def is_for_one_host(name: str) -> bool:
    """Return whether a certificate authority may be limited to `name`: it has a dot, or is `localhost`.

    Any other name may be a top-level domain, and would permit too many names below it (see `certificates`).
    """
    return "." in name or name == "localhost"
