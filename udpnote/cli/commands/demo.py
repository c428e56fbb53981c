"""`udpnote demo`: runs a real server and a real client over a simulated bad network, without using other machines."""

import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from random import Random

from udpnote.cli import exit_codes
from udpnote.cli.command_line.declared_command import DeclaredCommands
from udpnote.cli.temporary_server import default_settings
from udpnote.cli.terminal.streams import fitted_to, say
from udpnote.cli.terminal.text import count, local_time, padded, shortened
from udpnote.client.client import Client
from udpnote.client.sending.results import State
from udpnote.errors import Notice, ServerNotFound
from udpnote.lan.interfaces import Interface, lan_interfaces, no_interfaces
from udpnote.lan.probing_endpoint import ProbingEndpoint
from udpnote.model.address import Datagram
from udpnote.server.server import Server
from udpnote.storage.notebook.notebook import Notebook
from udpnote.text.joining import in_brackets
from udpnote.text.language import gettext as _

LOSS = 0.3
"""The share of datagrams that is lost in each direction. It is high enough that some are lost in every demonstration."""

SEED = 6683
"""The seed for the random losses. With it, each demonstration loses about the same datagrams: only delays can change which."""

SHOWN_CELLS = 30
"""A longer text is shortened, so that its line, with the number of its characters, fits on a terminal of 80 columns."""

LONG_CHARACTERS = 12_000
"""About how many characters the longest text has: enough for several datagrams."""


class LossyEndpoint(ProbingEndpoint):
    """The sockets of a client, which lose datagrams. After a call of `lose`, they drop datagrams at random, in each direction.

    `lost` is the number of dropped datagrams so far, in both directions together. `list_interfaces` returns the network
    interfaces to use.
    """

    def __init__(self, *, list_interfaces: Callable[[], list[Interface]] = lan_interfaces) -> None:
        super().__init__(list_interfaces=list_interfaces)
        self._loss = 0.0
        self._random = Random()
        self.lost = 0

    def lose(self, share: float, random: Random) -> None:
        """Drop each later datagram, sent or received, with the probability `share`, a number from 0 to 1.

        The numbers of `random` decide which datagrams are dropped.
        """
        self._loss, self._random = share, random

    def send(self, datagrams: Sequence[Datagram]) -> None:
        """Send `datagrams`, except those that are dropped at random."""
        super().send(self._without_lost(datagrams))

    def receive(self, timeout_seconds: float | None) -> list[Datagram]:
        """Receive datagrams as a `ProbingEndpoint` does, and return those that are not dropped."""
        return self._without_lost(super().receive(timeout_seconds))

    def _without_lost(self, datagrams: Sequence[Datagram]) -> list[Datagram]:
        """Drop some of `datagrams` at random, and count them in `lost`. Return the others."""
        kept = [datagram for datagram in datagrams if self._random.random() >= self._loss]
        self.lost += len(datagrams) - len(kept)
        return kept


app = DeclaredCommands()


@app.command()
def demo() -> int:
    """Show on this machine alone how udpnote works on a bad network.

    A server and a client run in this process, and the network between them loses datagrams. Your settings and notebooks are
    not used.

    Examples:

        udpnote demo
    """
    with tempfile.TemporaryDirectory(prefix="udpnote-demo-") as folder, default_settings(folder):
        path = os.path.join(folder, "notebook.sqlite3")
        endpoint = LossyEndpoint(list_interfaces=no_interfaces)
        with (
            Server(path, name="demo", bind="127.0.0.1", port=0) as server,
            Client(port=server.port, outbox=os.path.join(folder, "outbox.sqlite3"), endpoint=endpoint) as client,
        ):
            _find(client, server.port)
            texts = _texts()
            is_complete = _send(client, endpoint, texts)
        return exit_codes.DONE if _show(path) == texts and is_complete else exit_codes.REFUSED


def _find(client: Client, port: int) -> None:
    """Find the server at `port` by discovery, and print the name and the address of its notebook. Raises `ServerNotFound`."""
    print(f"1. {Notice('demo_finding')}")
    notebook = next(client.find(), None)
    if notebook is None:  # a firewall drops datagrams even here, or the loopback interface is off
        raise ServerNotFound("demo_unanswered", port=port)
    print(f"   {Notice('demo_found', name=notebook.name, address=notebook.address, port=notebook.port)}")


def _texts() -> list[str]:
    """The texts of the demonstration: one is in Chinese, the others are in the user's language, and one of these is long."""
    sentence = _("a long one, to show that long texts are kept whole, too; ")
    long_text = sentence * (LONG_CHARACTERS // len(sentence))
    return [_("buy milk"), "今天开会，下午三点", _("the meter reads 48,151.62"), long_text.strip()]


def _send(client: Client, endpoint: LossyEndpoint, texts: Sequence[str]) -> bool:
    """Send the `texts` while `endpoint` drops datagrams, and return whether all of them are stored.

    For each text, print how many datagrams were lost and how many were sent again. Say if it is not stored.
    """
    print(f"\n2. {Notice('demo_sending', entries=len(texts), loss=LOSS)}")
    endpoint.lose(LOSS, Random(SEED))
    is_complete = True
    for text in texts:
        lost, resent = endpoint.lost, client.retransmissions
        for sent in client.send_many([text]):
            is_complete &= sent.state is State.STORED
            losses = Notice("demo_lost", lost=endpoint.lost - lost, resent=client.retransmissions - resent)
            number = "-" if sent.number is None else f"#{sent.number}"
            print(f"   {number:<2}  {padded(shortened(text, 34), 34)}  {losses}")
            if sent.state is not State.STORED:
                say(Notice("demo_not_stored"))
    return is_complete


def _show(path: str) -> list[str]:
    """Print the entries of the notebook in the file `path`, and return their texts, in order."""
    print(f"\n3. {Notice('demo_showing')}")
    with closing(Notebook(path)) as notebook:
        entries = list(notebook.entries_after(0))
    for stored in entries:
        text = stored.entry.text
        size = "  " + in_brackets(count(len(text), "character", "characters")) if len(text) > SHOWN_CELLS else ""
        print(f"   #{stored.number}  {local_time(stored.entry.written_at)}  {shortened(text, SHOWN_CELLS)}{size}")
    print("\n" + fitted_to(sys.stdout, str(Notice("demo_next"))))
    return [stored.entry.text for stored in entries]
