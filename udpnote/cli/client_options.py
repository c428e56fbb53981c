"""The options with which a command chooses the notebook that its client uses."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from udpnote.cli.terminal.streams import say
from udpnote.errors import Notice

if TYPE_CHECKING:
    from udpnote.client.client import Client
    from udpnote.client.results import SentEntry


class ClientOptions(NamedTuple):
    """The options of a client. An option that was not given is None: then the environment or the settings file has its value.

    `wait` is in seconds.
    """

    server: str | None = None
    port: int | None = None
    notebook_id: str | None = None
    author: str | None = None
    wait: float | None = None

    @property
    def names_given(self) -> list[str]:
        """The names of the options that were given, as a user types them: `--notebook-id`."""
        return [f"--{name.replace('_', '-')}" for name, value in self._asdict().items() if value is not None]

    def client(
        self,
        *,
        on_delivered: "Callable[[SentEntry], None] | None" = None,
        on_notice: Callable[[Notice], None] = say,
        on_indexing: Callable[[int, int], None] | None = None,
    ) -> "Client":
        """A client with these options; `Client` describes the arguments and the errors."""
        from udpnote.client.client import Client  # here, because a command that reads a notebook's file needs no client

        return Client(
            server=self.server,
            port=self.port,
            notebook_id=self.notebook_id,
            author=self.author,
            wait=self.wait,
            on_delivered=on_delivered,
            on_notice=on_notice,
            on_indexing=on_indexing,
        )


NO_OPTIONS = ClientOptions()
"""The value if none of the options was given."""
