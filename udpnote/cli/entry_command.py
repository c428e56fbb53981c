"""The command that `follow --exec` runs for each entry."""

import os
import sys
from contextlib import suppress
from shlex import split
from shutil import which
from subprocess import PIPE, Popen, TimeoutExpired

from udpnote.cli.terminal.interruption import exit_code_in_shell, noticing_signals
from udpnote.cli.terminal.streams import say
from udpnote.errors import InvalidSetting, Notice
from udpnote.model.entry import Kind, StoredEntry
from udpnote.text.harmless import harmless
from udpnote.text.jsonl import iso_time

PATIENCE_SECONDS = 10.0
"""If a command runs longer than this for one entry, a message says that the following entries wait for it."""

END_SECONDS = 2.0
"""How much time a command has to end after SIGTERM. After that, udpnote kills it."""


class EntryCommand:
    """A command line that is run once for each entry. The command for one entry must end before the next is started.

    `line` is split into words as a shell does, but no shell runs it. Each run gets the text of the entry on standard input, and
    facts about the entry as environment variables (see `_environment`). So no text of an entry becomes part of a command.

    Raises `InvalidSetting` if `line` has no words or cannot be split into words, or if the program is not found or not
    executable.
    """

    def __init__(self, line: str, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        try:
            self._words = split(line)
        except ValueError:
            raise InvalidSetting("exec_not_understood", command=line) from None
        if not self._words:
            raise InvalidSetting("exec_empty")
        if which(program := self._words[0]) is None:
            if "/" in program and os.path.isfile(program):
                raise InvalidSetting("exec_not_executable", command=program)
            raise InvalidSetting("exec_not_found", command=program)
        self._patience_seconds = patience_seconds

    def run(self, stored: StoredEntry) -> None:
        """Run the command for `stored`, and wait until the command has ended.

        The command may take any time. A message is printed once it has run for `patience_seconds`, and if it cannot be started
        or fails. If Ctrl-C or an error ends this method early, it ends the command, too.
        """
        sys.stdout.flush()  # so that what the command prints comes after the entry
        try:
            process = Popen(self._words, stdin=PIPE, env=_environment(stored))
        except OSError as error:
            say(Notice("exec_not_started", command=self._words[0], number=stored.number, problem=error.strerror))
            return
        try:
            with noticing_signals():
                self._wait(process, stored)
        finally:
            _end(process)
        if process.returncode:
            code = exit_code_in_shell(process.returncode)
            say(Notice("exec_failed", command=self._words[0], number=stored.number, code=code))

    def _wait(self, process: "Popen[bytes]", stored: StoredEntry) -> None:
        """Write the text of `stored` to the standard input of `process`, and wait until the process has ended. Print a message
        if that takes longer than `patience_seconds`.
        """
        try:
            process.communicate(stored.entry.text.encode(), timeout=self._patience_seconds)
        except TimeoutExpired:
            seconds = round(self._patience_seconds)
            say(Notice("exec_takes_long", command=self._words[0], number=stored.number, seconds=seconds))
            process.communicate()


def _environment(stored: StoredEntry) -> dict[str, str | bytes]:
    """The environment variables of the command for `stored`: those of this process, and some whose names begin with `NOTE_`.

    The names do not begin with `UDPNOTE_`, because a command that sends a note itself would take UDPNOTE_AUTHOR as its own
    setting. In `NOTE_AUTHOR`, other characters stand in place of NUL, which no variable can hold, and of characters that could
    harm a terminal.
    """
    entry = stored.entry
    return {
        **os.environ,
        "NOTE_NUMBER": str(stored.number),
        "NOTE_AUTHOR": harmless(entry.author).encode(),  # in UTF-8, as the text: the locale's encoding may lack characters
        "NOTE_TIME": iso_time(entry.written_at, entry.utc_offset),
        "NOTE_KIND": entry.kind.name.lower(),
        "NOTE_REVISES": "" if entry.kind is Kind.NOTE else str(entry.revises),
    }


def _end(process: "Popen[bytes]") -> None:
    """End `process` if it still runs, and close the pipe to it."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(END_SECONDS)
        except TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdin is not None:
        with suppress(BrokenPipeError):
            process.stdin.close()
