"""The options that a command hands to its client: which notebook it uses, who writes, and how long it waits."""

from collections.abc import Callable
from os.path import isfile
from typing import TYPE_CHECKING, NamedTuple

from udpnote.cli.terminal.streams import say
from udpnote.errors import InvalidSetting, Notice

if TYPE_CHECKING:
    from udpnote.client.client import Client
    from udpnote.client.sending.results import SentEntry
    from udpnote.settings import Flags
    from udpnote.storage.outbox.outbox import Outbox


class ClientOptions(NamedTuple):
    """The values of `--server`, `--port`, `--notebook`, `--author` and `--wait`. A command may have only some of these options.

    A field is None if its option was not given. `Client` then takes the value from the environment, the settings file or the
    defaults. `wait` is how many seconds the client waits for an answer.
    """

    server: str | None = None
    port: int | None = None
    notebook: str | None = None
    author: str | None = None
    wait: float | None = None

    @property
    def names_given(self) -> list[str]:
        """The names of the options that were given, as a user types them, such as `--notebook`."""
        return [f"--{name.replace('_', '-')}" for name, value in self._asdict().items() if value is not None]

    @property
    def flags(self) -> "Flags":
        """The options as `load_settings` takes them."""
        return {
            "server": self.server,
            "port": self.port,
            "notebook": self.notebook,
            "author": self.author,
            "wait": self.wait,
        }

    def client(
        self,
        *,
        outbox: "Outbox | None" = None,
        on_delivered: "Callable[[SentEntry], None] | None" = None,
        on_notice: Callable[[Notice], None] = say,
        on_indexing: Callable[[int, int], None] | None = None,
    ) -> "Client":
        """Open a `Client` with these options. The caller must close it.

        The client uses `outbox`, or if `outbox` is None the outbox that the settings name. Notices are printed on standard
        error unless the caller gives another `on_notice`. `Client` describes the other arguments, and the errors that it
        raises. This method also raises `InvalidSetting` if `notebook` is the path of a file.
        """
        if self.notebook is not None and "/" in self.notebook and isfile(self.notebook):
            raise InvalidSetting("notebook_is_a_file", path=self.notebook)
        from udpnote.client.client import Client  # here, because a command that reads a notebook's file needs no client

        return Client(
            server=self.server,
            port=self.port,
            notebook=self.notebook,
            author=self.author,
            wait=self.wait,
            outbox=outbox,
            on_delivered=on_delivered,
            on_notice=on_notice,
            on_indexing=on_indexing,
        )


NO_OPTIONS = ClientOptions()
"""The value for a command line on which the user has typed none of these options."""
