"""A process beside a command: the page beside a server, or a server for a measurement.

The standard input of the process is a pipe from the command. The process must end when this pipe is closed. So it ends with the
command, even if the command is killed.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from subprocess import Popen


@contextmanager
def own_process(
    module: str, *arguments: str, environ: Mapping[str, str] | None = None, stdout: int | None = None
) -> Iterator["Popen[bytes]"]:
    """In the block, a process runs `module` of udpnote (`python -m`) with `arguments`. The block gets the process.

    `environ` are environment variables besides those of this process. `stdout` is the standard output of the process, as for
    `Popen`. The end of the block closes the standard input of the process, and waits until the process has ended.
    """
    from subprocess import PIPE, Popen  # here, so that the process itself, and a command that starts none, does not import it

    path = os.pathsep.join(filter(None, (str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH"))))
    process = Popen(
        [sys.executable, "-P", "-m", module, *arguments],  # -P: import nothing from the current folder
        stdin=PIPE,
        stdout=stdout,
        env={**os.environ, **(environ or {}), "PYTHONPATH": path},
        start_new_session=True,  # Ctrl-C at the terminal is for the command, which then ends the process
    )
    try:
        yield process
    finally:
        process.communicate()  # closes its standard input, and waits until it has ended
