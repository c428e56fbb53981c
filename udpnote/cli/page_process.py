"""The page in a process of its own, beside a server, for `udpnote serve --page`.

The page's process ends when its standard input ends. So it ends with the server, even if the server is killed.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def page_beside(server: str, notebook_id: str, bind: str | None, *, is_https: bool) -> Iterator[None]:
    """In the block, serve the page of the notebook with the id `notebook_id`, whose server is at `server` (HOST:PORT).

    The page listens at the address `bind`, or at all addresses if `bind` is None, over HTTPS if `is_https` is true. The page's
    messages go to standard error. If the page cannot start, it prints the reason, and the block goes on without it.
    """
    from subprocess import PIPE, Popen  # here, because most servers have no page

    path = os.pathsep.join(filter(None, (str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH"))))
    options = ["--server", server, "--notebook", notebook_id]
    options += ["--bind", bind] if bind is not None else []
    options += ["--https"] if is_https else []
    process = Popen(
        [sys.executable, "-P", "-m", __name__, *options],  # -P: import nothing from the current folder
        stdin=PIPE,
        env=os.environ | {"PYTHONPATH": path},
        start_new_session=True,  # Ctrl-C at the terminal is for the server, which then ends the page
    )
    try:
        yield
    finally:
        process.communicate()  # closes its standard input, and waits until it has ended


def _run(arguments: Sequence[str]) -> None:
    """Run `udpnote page` with the options `arguments` until standard input ends."""
    from udpnote.cli.main import main

    threading.Thread(target=_end_with_input, daemon=True).start()
    sys.argv = ["udpnote", "page", *arguments]
    main()


def _end_with_input() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    _run(sys.argv[1:])
