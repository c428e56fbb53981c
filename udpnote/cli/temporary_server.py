"""A server with a new notebook, in a process of its own, for a measurement. Also hides the user's settings from a command.

In reality, client and server are two processes. In one process they would take turns, because only one thread of Python runs at
a time, and would seem half as fast as they are.

The server's process ends when its standard input ends, and then removes the temporary folders. So nothing is left behind even
if the command is killed.
"""

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from udpnote.cli.own_process import own_process
from udpnote.errors import Notice, UdpnoteError
from udpnote.server.server import Server
from udpnote.settings import chosen_language
from udpnote.text.language import language, speak_by


@contextmanager
def temporary_server(folders: Sequence[str]) -> Iterator[int]:
    """In the block, a second process runs a server on loopback, with a new notebook in the first of `folders`. The block gets
    the server's UDP port.

    No discovery finds this server, because it does not use a default port. After the block, or when this process ends, even by
    SIGKILL, the server ends, and all `folders` are removed. Raises `UdpnoteError` if the server does not start.
    """
    from subprocess import PIPE  # here, so that the server's process does not import it

    environ = {"UDPNOTE_LANGUAGE": language()}
    with own_process(__name__, *folders, environ=environ, stdout=PIPE) as process:
        assert process.stdout is not None, "it is a pipe"
        answer = process.stdout.readline().decode().strip()
        if not answer.isdecimal():
            raise UdpnoteError("temporary_server_failed", failure=answer or Notice("process_ended"))
        yield int(answer)


@contextmanager
def default_settings(folder: str) -> Iterator[None]:
    """In the block, the user's environment variables and settings file are ignored: udpnote uses the defaults, and keeps all
    its files in `folder`.

    The same holds for processes that are started in the block. Only the language remains the user's.
    """
    language()  # finds the language in the user's settings, before the block hides them
    saved = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("UDPNOTE_")}
    os.environ["UDPNOTE_HOME"] = folder
    try:
        yield
    finally:
        del os.environ["UDPNOTE_HOME"]
        os.environ.update(saved)


def _serve(folders: Sequence[str]) -> None:
    """Serve a new notebook in the first of `folders` until standard input ends. Then remove all `folders`.

    Print one line on standard output: the port, or the reason if the server cannot start.
    """
    speak_by(lambda: chosen_language(os.environ))
    try:
        path = os.path.join(folders[0], "notebook.sqlite3")
        with Server(path, name="bench", bind="127.0.0.1", port=0, on_notice=lambda _: None) as server:
            _report(server.port)
            sys.stdin.read()
    except UdpnoteError as error:
        _report(error)
    finally:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)


def _report(answer: object) -> None:
    """Write `answer` to standard output as one line, unless the command has ended."""
    with suppress(BrokenPipeError):
        os.write(sys.stdout.fileno(), f"{answer}\n".encode())


if __name__ == "__main__":
    _serve(sys.argv[1:])
