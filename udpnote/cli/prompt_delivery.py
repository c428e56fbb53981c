"""What happens at the prompt of `udpnote write` besides typing: the notebook is named, and queued entries are delivered."""

import threading
from contextlib import suppress

from udpnote.cli.terminal.text import shortened
from udpnote.client.client import Client
from udpnote.errors import Notice, UdpnoteError
from udpnote.model.notebook import KnownNotebook, display_name
from udpnote.protocol.discovery import SETTLING_SECONDS
from udpnote.text.harmless import harmless

DELIVERY_PAUSE_SECONDS = 3.0
DELIVERY_PAUSE_MAX_SECONDS = 24.0
"""The pause before the next attempt to deliver queued entries. It doubles after each failed attempt, up to the maximum."""

DELIVERY_WAIT_SECONDS = SETTLING_SECONDS + 0.5
"""How long an attempt to deliver queued entries waits for an answer, in seconds. A line typed meanwhile may have to wait as
long.

It is longer than a discovery on the LAN, which takes `SETTLING_SECONDS` from the first answer on.
"""

NAME_CELLS_MAX = 40
"""A longer name of a notebook is shortened, so that its line fits on a terminal of 80 columns."""


def say_here(text: str | Notice) -> None:
    """Print each line of `text` on standard output. Characters that could harm a terminal are replaced.

    Other commands print messages on standard error, but at the prompt messages belong to the dialogue.
    """
    print("\n".join(map(harmless, str(text).split("\n"))), flush=True)


class DestinationLine:
    """Prints the line that names the notebook to which typed lines go, as soon as the notebook is known, and after each change.

    A change is that the client uses another notebook, or that its notebook gets another name, is sealed, or is made open.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._printed: tuple[bytes, str] | None = None
        self._lock = threading.Lock()

    def print_if_new(self) -> None:
        """Print the line, if the notebook is known and the line is not the one that was printed last.

        Several threads may call this.
        """
        with self._lock, suppress(UdpnoteError):  # `send` of the next line reports the same error
            notebook = self._client.notebook
            if notebook is None:
                return
            kind = "write_to_open" if notebook.key_id is None else "write_to_sealed"
            line = notebook.notebook_id, str(Notice(kind, name=self._name(notebook)))
            if line != self._printed:
                self._printed = line
                say_here(line[1])

    def _name(self, notebook: KnownNotebook) -> str | Notice:
        """Return the name of `notebook`, shortened. If another known notebook has the same name, the first digits of the id
        follow.
        """
        return display_name(notebook, self._client.known(), shown=shortened(notebook.name, NAME_CELLS_MAX))


class BackgroundDelivery:
    """In its `with` block, a thread of its own delivers queued entries, even while the prompt waits for a line.

    The end of the block does not wait for the thread. The caller must then close `client`, which ends a delivery that goes on.
    """

    def __init__(self, client: Client, destination: DestinationLine) -> None:
        self._client = client
        self._destination = destination
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._deliver, name="udpnote delivery", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()  # closing the client ends a delivery that is still going on

    def _deliver(self) -> None:
        """Try to deliver the queued entries, again and again until the block ends.

        The pauses between the attempts become longer while attempts deliver nothing.
        """
        pause = DELIVERY_PAUSE_SECONDS
        while not self._ended.wait(pause):
            with suppress(UdpnoteError):  # no server answers: the user read that when the entry was queued
                before = count_waiting(self._client)
                if before:
                    self._client.deliver(wait=DELIVERY_WAIT_SECONDS)
                    self._destination.print_if_new()
                has_failed = 0 < before <= count_waiting(self._client)
                pause = min(2 * pause, DELIVERY_PAUSE_MAX_SECONDS) if has_failed else DELIVERY_PAUSE_SECONDS


def count_waiting(client: Client) -> int:
    """How many entries in the outbox wait for delivery to any notebook. Refused entries are not counted."""
    return sum(each.entries for each in client.waiting_counts() if each.refused is None)
