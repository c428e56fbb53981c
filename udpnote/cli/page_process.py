"""The page in a process of its own, beside a server, for `udpnote serve --page`. The page ends with the server."""

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from udpnote.cli.own_process import own_process
from udpnote.cli.terminal.streams import say
from udpnote.errors import Notice

if TYPE_CHECKING:
    from subprocess import Popen


@contextmanager
def page_beside(**arguments: object) -> Iterator[None]:
    """In the block, a second process serves a page. `arguments` are those of `serve_page`, which that process calls.

    The page's messages go to standard error. If the page cannot start or is killed, a message says so, and the block goes on
    without it. The end of the block ends the page, and waits until its process has ended.
    """
    with own_process(__name__, json.dumps(arguments)) as process:
        is_ending = threading.Event()
        threading.Thread(target=_report_kill, args=(process, is_ending), daemon=True).start()
        try:
            yield
        finally:
            is_ending.set()


def _report_kill(process: "Popen[bytes]", is_ending: threading.Event) -> None:
    """Wait until the page's process has ended. If a signal has killed it, so that it could say nothing itself, print that.

    Print nothing if `is_ending` is set, because the server itself ends the page.
    """
    code = process.wait()
    if code < 0 and not is_ending.is_set():
        say(Notice("page_killed", signal=signal.Signals(-code).name))


def _run(arguments: str) -> NoReturn:
    """Serve the page until standard input ends. `arguments` are those of `serve_page` as a JSON object.

    An error is printed. Raises `SystemExit` with the exit code.
    """
    from udpnote.cli.commands.page import serve_page
    from udpnote.cli.exit_codes import exit_code_of
    from udpnote.cli.terminal import streams
    from udpnote.settings import chosen_language
    from udpnote.text.language import speak_by

    threading.Thread(target=_end_with_input, daemon=True).start()
    streams.prepare()
    speak_by(lambda: chosen_language(os.environ))
    sys.exit(exit_code_of(lambda: serve_page(**json.loads(arguments))))


def _end_with_input() -> None:
    """Wait until standard input, the pipe from the server, is closed. Then end the page by SIGTERM to this process."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    _run(sys.argv[1])
