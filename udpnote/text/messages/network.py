"""The sentences about a host, a port or an address that cannot be used."""

from collections.abc import Callable

SENTENCES: dict[str, str | Callable[..., str]] = {
    "port_taken": (
        "port {port} is taken ({address}), most likely by another server: end that server, or choose another port with --port"
    ),
    "cannot_listen": (
        "cannot listen at {address} ({reason}): `ip address` lists this machine's addresses, and only root may use ports below "
        "1024"
    ),
    "not_an_own_address": "cannot listen at {host!r}: this machine has no such address. `ip address` lists those it has",
    "host_not_resolved": "cannot resolve {host!r} ({reason}): check the name, and whether this machine is on the network",
    "not_a_host_name": "cannot resolve {host!r}: that is not a host name",
}
