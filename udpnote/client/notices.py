"""What a client tells its user of events on the network."""

from collections.abc import Iterable

from udpnote.lan.udp_socket import format_address
from udpnote.model.notebook import KnownNotebook
from udpnote.protocol.rediscovery import ImpostorFound, LookingForServer, RediscoveryEvent, ServerMoved
from udpnote.protocol.server_contact import KeyChanged
from udpnote.text.messages.reasons import posing_reason


def notice_of(event: RediscoveryEvent, known: Iterable[KnownNotebook]) -> str | None:
    """What is said of something that happened to the server; None where what comes of it says so."""
    match event:
        case ServerMoved(address):
            return f"the server was found again, at {format_address(address)}"
        case LookingForServer():
            return "the server does not answer: looking for it"
        case ImpostorFound(notebook, address):
            return posing_reason(notebook, format_address(address), known)
        case KeyChanged():
            return None
