"""The DNS names of this host, in the form that browsers and certificates use."""

import re

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
    """Return the names of this host that certificates may have. `host` is the operating system's name for it, with or without a
    domain.
    """
    name = dns_name(host) or "localhost"
    names = ["localhost", f"{name.partition('.')[0]}.local", name]
    return list(dict.fromkeys(each for each in names if is_for_one_host(each) and each != "localhost.local"))


def is_for_one_host(name: str) -> bool:
    """Return whether `name` has a dot or is `localhost`.

    A name constraint for any other name, which may be a top-level domain, would permit too many names (see `certificates`).
    """
    return "." in name or name == "localhost"
