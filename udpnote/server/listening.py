"""Opens the sockets of a server, and tells its owner if clients will not find it where its owner expects."""

from collections.abc import Callable, Sequence

from udpnote.errors import Notice
from udpnote.lan.endpoint import Endpoint
from udpnote.model.address import is_loopback


def listen(bind: str | None, ports: Sequence[int], on_notice: Callable[[Notice], None]) -> Endpoint:
    """An endpoint at the first free one of the UDP `ports`, on the address `bind` (a host name, too; None: on all addresses).

    Calls `on_notice` if that is not the first port, or if `bind` is a host name that stands for this machine only. Raises the
    errors of `Endpoint.listen`.
    """
    endpoint = Endpoint.listen(bind, *ports)
    if ports[0] not in (0, endpoint.port):
        on_notice(Notice("next_port_used", taken=ports[0], port=endpoint.port))
    host = endpoint.addresses[0][0]
    if bind not in (None, host, "localhost") and is_loopback(endpoint.addresses[0]):
        on_notice(Notice("bound_to_this_machine", host=bind, address=host))
    return endpoint
