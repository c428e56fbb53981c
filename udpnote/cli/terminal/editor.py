"""Lets the user change a text in an editor."""

import fcntl
import glob
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType, TracebackType
from typing import Self

from udpnote.cli.input_lines import decoded, whole_file
from udpnote.cli.terminal.streams import say
from udpnote.errors import InvalidSetting, Notice

EDITORS = ("vi", "nano")
"""The editors that are tried, in order, if the environment names none."""

EDITOR_END_SECONDS = 2.0
"""How long an editor may take to save the text when a signal ends it."""

FOLDER_PREFIX = "udpnote-edit-"
"""How the names of the temporary folders begin."""


@contextmanager
def edited(text: str, name: str) -> Iterator[str | None]:
    """Let the user change `text` in an editor, and give the new text to the block; None if the editor ends with an error.

    The editor opens a temporary file called `name`, which is removed after the block. If the block raises an error, the changed
    file is no text, or SIGTERM or SIGHUP ends this process, the file is kept, because there may be no other copy of the new
    text. Its path is printed, also by later calls, because the terminal may be gone. Raises `InvalidSetting` if there is no
    editor, and `InvalidEntry` if the changed file is too long or not UTF-8.
    """
    command = editor_command()
    for path in _left_behind():
        say(Notice("text_left_behind", path=path))
    ending = "" if text.endswith("\n") else "\n"  # editors expect one
    with _EndingSignals() as signals, _folder() as folder:
        path = os.path.join(folder, name)
        _write(path, text + ending)
        is_kept = False
        try:
            is_kept = is_done = _run(command, path, signals)
            yield decoded(_read(path)).removesuffix(ending) if is_done else None
            is_kept = False
        except _Ended:
            is_kept = is_kept or _is_changed(path, text + ending)
            raise
        finally:
            if is_kept:
                say(Notice("text_kept", path=path))
            else:
                shutil.rmtree(folder, ignore_errors=True)


class _Ended(BaseException):
    """The signal `number` is to end this process."""

    def __init__(self, number: int) -> None:
        self.number = number


class _EndingSignals:
    """In the block, SIGTERM and SIGHUP raise `_Ended`; after it, they end the process. If they are ignored, they stay so.

    While `are_held` is set, they raise nothing; `release` then raises what was held back.
    """

    def __init__(self) -> None:
        self.are_held = False
        self._held: int | None = None
        self._caught = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) is signal.SIG_DFL]

    def __enter__(self) -> Self:
        for each in self._caught:
            signal.signal(each, self._end)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        for each in self._caught:
            signal.signal(each, signal.SIG_DFL)
        if isinstance(error, _Ended):
            signal.raise_signal(error.number)

    def release(self) -> None:
        self.are_held = False
        if self._held is not None:
            raise _Ended(self._held)

    def _end(self, number: int, _frame: FrameType | None) -> None:
        for each in self._caught:  # a terminal that closes causes several
            signal.signal(each, signal.SIG_IGN)
        self._held = number
        if not self.are_held:
            raise _Ended(number)


@contextmanager
def _folder() -> Iterator[str]:
    """A new temporary folder, which is locked during the block; nobody else can read it."""
    folder = tempfile.mkdtemp(prefix=FOLDER_PREFIX)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield folder
    finally:
        os.close(descriptor)


def _left_behind() -> Iterator[str]:
    """The texts that earlier calls have kept, or could not remove because the process was killed."""
    pattern = os.path.join(glob.escape(tempfile.gettempdir()), f"{FOLDER_PREFIX}*", "*.txt")
    for path in sorted(glob.glob(pattern)):
        with suppress(OSError):  # from the folder of another user, or of an editor that is still running, whose lock it has
            descriptor = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(descriptor).st_uid == os.geteuid():
                    yield path
            finally:
                os.close(descriptor)


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


def _run(command: list[str], path: str, signals: _EndingSignals) -> bool:
    """Run the editor, and return whether it ended with exit code 0. Until it ends, Ctrl-C reaches only the editor."""
    handler = signal.signal(signal.SIGINT, lambda _number, _frame: None)  # not SIG_IGN, which the editor would inherit
    try:
        signals.are_held = True  # until it is known which process they must end, too
        process = subprocess.Popen([*command, path])
        try:
            signals.release()
            return process.wait() == 0
        except _Ended as ended:
            process.send_signal(ended.number)  # the editor may save the text then
            with suppress(subprocess.TimeoutExpired):
                process.wait(EDITOR_END_SECONDS)
            raise
    except OSError as error:  # from starting the editor, which is neither a file of udpnote nor a socket
        raise InvalidSetting("editor_not_started", editor=command[0], problem=error.strerror) from None
    finally:
        signal.signal(signal.SIGINT, handler)


def _write(path: str, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(text.encode())


def _is_changed(path: str, text: str) -> bool:
    """Whether an editor has changed the file, which had `text`, or has put a file of its own beside it."""
    data = text.encode()
    with suppress(FileNotFoundError), open(path, "rb") as file:
        return len(os.listdir(os.path.dirname(path))) > 1 or file.read(len(data) + 1) != data
    return False


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return whole_file(file)
    except FileNotFoundError:  # the editor has removed it
        return b""
