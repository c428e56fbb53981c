"""Lets the user change a text in an editor."""

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from udpnote.cli.input_lines import decoded, whole_file
from udpnote.cli.terminal.streams import say
from udpnote.errors import InvalidSetting, Notice

EDITORS = ("vi", "nano")
"""The editors that are tried, in order, if the environment names none."""


@contextmanager
def edited(text: str, name: str) -> Iterator[str | None]:
    """Let the user change `text` in an editor, and give the new text to the block; None if the editor ends with an error.

    The editor opens a temporary file called `name`, which is removed after the block. If the block raises an error, or the
    changed file is no text, the file is kept, because there may be no other copy of the new text. Raises `InvalidSetting` if
    there is no editor, and `InvalidEntry` if the changed file is too long or not UTF-8.
    """
    command = editor_command()
    folder = tempfile.mkdtemp(prefix="udpnote-")  # with mode 0700
    path = os.path.join(folder, name)
    is_kept = False
    try:
        ending = "" if text.endswith("\n") else "\n"  # editors expect one
        _write(path, text + ending)
        is_done = _run(command, path)
        try:
            yield decoded(_read(path)).removesuffix(ending) if is_done else None
        except BaseException:
            is_kept = is_done
            raise
    finally:
        if is_kept:
            say(Notice("text_kept", path=path))
        else:
            shutil.rmtree(folder, ignore_errors=True)


def editor_command() -> list[str]:
    """The command that starts the editor: $VISUAL or $EDITOR with its options, or the first of `EDITORS` that is installed.

    Raises `InvalidSetting` if there is none, or the command is not installed.
    """
    named = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    try:
        command = shlex.split(named) if named else [editor for editor in EDITORS if shutil.which(editor)][:1]
    except ValueError as error:
        raise InvalidSetting("editor_not_understood", editor=named, problem=str(error)) from None
    if not command:
        raise InvalidSetting("no_editor")
    if shutil.which(command[0]) is None:
        raise InvalidSetting("editor_missing", editor=command[0])
    return command


def _run(command: list[str], path: str) -> bool:
    """Run the editor, and return whether it ended with exit code 0. Until it ends, Ctrl-C reaches only the editor."""
    handler = signal.signal(signal.SIGINT, lambda _number, _frame: None)  # not SIG_IGN, which the editor would inherit
    try:
        return subprocess.run([*command, path], check=False).returncode == 0
    except OSError as error:  # from starting the editor, which is neither a file of udpnote nor a socket
        raise InvalidSetting("editor_not_started", editor=command[0], problem=error.strerror) from None
    finally:
        signal.signal(signal.SIGINT, handler)


def _write(path: str, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(text.encode())


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return whole_file(file)
    except FileNotFoundError:  # the editor has removed it
        return b""
