"""A notebook for the LAN over UDP: clients find its server by broadcast, and the server stores every entry exactly once.

>>> from udpnote import Client, Server
>>> with Server("notes.sqlite3") as server:
...     entry = Client(server="localhost").send("今天开会")
"""

# This module imports `Client` and `Server` only when they are used, because `udpnote.__main__` must handle Ctrl-C before the
# slow imports begin.

TYPE_CHECKING = False  # type checkers take it for true; importing `typing` would take longer than the rest of this module
if TYPE_CHECKING:
    import udpnote.errors as errors
    from udpnote.client.client import Client as Client
    from udpnote.server.server import Server as Server
    from udpnote.text.messages.sentences import sentence_of as sentence_of
    from udpnote.version import __version__ as __version__

__all__ = ["Client", "Server", "__version__", "errors"]


def __dir__() -> list[str]:
    """The names that `dir(udpnote)` and `help(udpnote)` show. They include names that Python has not imported yet."""
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> object:
    """Import and return the object called `name`: one of `__all__`, or `sentence_of`. Python calls this on the first use.

    Raises `AttributeError` for any other name.
    """
    if name == "Client":
        from udpnote.client.client import Client

        return Client
    if name == "Server":
        from udpnote.server.server import Server

        return Server
    if name == "errors":
        from importlib import import_module

        return import_module("udpnote.errors")
    if name == "__version__":
        from udpnote.version import __version__

        return __version__
    if name == "sentence_of":  # `udpnote.errors` gets it from here
        from udpnote.text.messages.sentences import sentence_of

        return sentence_of
    raise AttributeError(f"module 'udpnote' has no attribute {name!r}")
