"""The user's editor, for a text."""

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from udpnote.cli.input_lines import decoded
from udpnote.cli.terminal.streams import say
from udpnote.errors import InvalidSetting

EDITORS = ("vi", "nano")
"""What is used if the environment names none."""


@contextmanager
def edited(text: str, name: str) -> Iterator[str | None]:
    """`text` as the user leaves it in the editor, in a file called `name`; None if the editor says that it has failed.

    The file is removed afterwards, unless an error comes while the text is used: it may be nowhere else. Raises
    `InvalidSetting` if there is no editor, and `InvalidEntry` if what was written is not UTF-8.
    """
    command = editor_command()
    folder = tempfile.mkdtemp(prefix="udpnote-")  # which nobody else may look into
    path = os.path.join(folder, name)
    is_kept = False
    try:
        ending = "" if text.endswith("\n") else "\n"  # editors want one
        _write(path, text + ending)
        is_done = _run(command, path)
        try:
            yield decoded(_read(path)).removesuffix(ending) if is_done else None
        except BaseException:
            is_kept = is_done
            raise
    finally:
        if is_kept:
            say(f"your text is kept in {path}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def editor_command() -> list[str]:
    """The editor that the environment names, or one that is there, with its options."""
    named = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    try:
        command = shlex.split(named) if named else [editor for editor in EDITORS if shutil.which(editor)][:1]
    except ValueError as error:
        raise InvalidSetting(f"the editor {named!r} cannot be understood ({error}): set EDITOR, or give the text") from None
    if not command:
        raise InvalidSetting("there is no editor: set EDITOR, or give the text")
    if shutil.which(command[0]) is None:
        raise InvalidSetting(f"there is no editor {command[0]!r}: set EDITOR, or give the text")
    return command


def _run(command: list[str], path: str) -> bool:
    """Run the editor; Ctrl-C is a key of its own there. Gives whether it has ended well."""
    handler = signal.signal(signal.SIGINT, lambda _number, _frame: None)  # not SIG_IGN, which the editor would inherit
    try:
        code = subprocess.run([*command, path], check=False).returncode
    except OSError as error:  # the user's program, which is neither in lan/ nor in storage/
        raise InvalidSetting(
            f"cannot start the editor {command[0]!r} ({error.strerror}): set EDITOR, or give the text"
        ) from None
    finally:
        signal.signal(signal.SIGINT, handler)
    return code == 0


def _write(path: str, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(text.encode())


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:  # the editor has removed it
        return b""
