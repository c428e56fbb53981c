"""Lets the user change a text in an editor."""

import fcntl
import glob
import os
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType, TracebackType
from typing import Self

from udpnote.cli.terminal.input_lines import decoded, entry_bytes
from udpnote.cli.terminal.interruption import noticing_signals
from udpnote.cli.terminal.streams import say, text_encoding
from udpnote.errors import InvalidEntry, InvalidSetting, Notice

EDITORS = ("vi", "nano")
"""The editors to try, in order, if the environment names none."""

TERMINAL_EDITORS = frozenset((
    "ed", "emacs", "ex", "hx", "jed", "joe", "kak", "mcedit", "mg", "micro", "nano", "ne", "nvi", "nvim", "pico", "vi", "view",
    "vim",
))  # fmt: skip
"""Editors that need a terminal. Without one they never end, or write control characters into the output."""

WAIT_OPTIONS = {
    "atom": ("--wait", "-w"),
    "code": ("--wait", "-w"),
    "code-insiders": ("--wait", "-w"),
    "codium": ("--wait", "-w"),
    "cursor": ("--wait", "-w"),
    "gedit": ("--wait", "-w"),
    "gvim": ("--nofork", "-f"),
    "kate": ("--block", "-b"),
    "mate": ("--wait", "-w"),
    "mvim": ("--nofork", "-f"),
    "open": ("-W",),
    "subl": ("--wait", "-w"),
    "xed": ("--wait", "-w"),
    "zed": ("--wait", "-w"),
}
"""Editors that return at once while their window is open, and the options that make them wait. The usual option comes first."""

EDITOR_END_SECONDS = 2.0
"""How long an editor may take to save the text when a signal ends it."""

FOLDER_PREFIX = "udpnote-edit-"
"""The beginning of the names of the temporary folders."""


@contextmanager
def edited(text: str, name: str) -> Iterator[str | None]:
    """Let the user change `text` in an editor. The block gets the new text, or None if the editor's exit code is not 0.

    The editor opens a temporary file called `name`, which must end with `.txt`. The file is removed after the block. It is in
    the encoding of the locale, which editors expect. If `text` does not end with a newline, one is added to the file, and is
    removed from the new text. If the editor has added a byte order mark or carriage returns, they are removed, too.

    There may be no other copy of a changed text. So the changed file is kept if the block raises an error, if the editor's exit
    code is not 0, if the new text is too long or not in the encoding, or if SIGTERM or SIGHUP ends this process. The path of a
    kept file is printed. As long as the file exists, later calls print the path again, because nobody may have seen it the
    first time.

    Raises `InvalidSetting` if no editor can be started, or if an editor that is not known to wait (see `_waits`) ends without a
    change: then its window may still be open. Raises `InvalidEntry` if the encoding lacks a character of `text`, and if the new
    text is too long, not in this encoding, or not in a regular file.
    """
    command, encoding = editor_command(), text_encoding()
    for path in _left_behind():
        say(Notice("text_left_behind", path=path))
    ending = "" if text.endswith("\n") else "\n"  # editors expect one
    before = _encoded(text + ending, encoding)
    with _EndingSignals() as signals, _folder() as folder:
        path = os.path.join(folder, name)
        _write(path, before)
        is_used = False  # used: the block has got the new text, and has ended without an error
        try:
            is_done = _run(command, path, signals)
            written = _read(path) if is_done else b""
            if written == before and not _waits(command):
                raise InvalidSetting("editor_ended_without_change", editor=command[0], variable=_variable())
            yield _without_additions(decoded(written, encoding), text).removesuffix(ending) if is_done else None
            is_used = is_done
        finally:
            if not is_used and _is_changed(path, before):
                say(Notice("text_kept", path=path))
            else:
                shutil.rmtree(folder, ignore_errors=True)


def _without_additions(text: str, before: str) -> str:
    """Return `text` without what the editor has added: a byte order mark, and carriage returns before newlines.

    `before` is the text before the user has edited it. If it has a byte order mark at its beginning, that one stays. If it has
    carriage returns before newlines, these stay.
    """
    if not before.startswith("\ufeff"):
        text = text.removeprefix("\ufeff")
    return text if "\r\n" in before else text.replace("\r\n", "\n")


class _Ended(BaseException):
    """SIGTERM or SIGHUP has arrived, and must end this process. `number` is the number of the signal."""

    def __init__(self, number: int) -> None:
        self.number = number


class _EndingSignals:
    """A context manager. In its block, SIGTERM and SIGHUP raise `_Ended`. Such a signal then ends the process at the end of the
    block.

    A signal that was ignored or had a handler before is left alone. While `are_held` is True, a signal raises nothing yet:
    `release` raises `_Ended` later. After the first signal, the block ignores further ones.
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
        """Set `are_held` to False. Raise `_Ended` if a signal has arrived while it was True."""
        self.are_held = False
        if self._held is not None:
            raise _Ended(self._held)

    def _end(self, number: int, _frame: FrameType | None) -> None:
        """Handle SIGTERM or SIGHUP. Python calls this when the signal `number` arrives."""
        for each in self._caught:  # a terminal that closes causes several signals
            signal.signal(each, signal.SIG_IGN)
        self._held = number
        if not self.are_held:
            raise _Ended(number)


@contextmanager
def _folder() -> Iterator[str]:
    """Make a temporary folder that other users cannot read. The block gets its path. The caller must remove the folder.

    During the block, the folder is locked (flock). The lock tells `_left_behind` that an editor is using the folder.
    """
    folder = tempfile.mkdtemp(prefix=FOLDER_PREFIX)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield folder
    finally:
        os.close(descriptor)


def _left_behind() -> Iterator[str]:
    """Yield the paths of texts that earlier calls of `edited` by this user have kept, or left because the process was killed.

    Texts that are open in an editor now are left out.
    """
    pattern = os.path.join(glob.escape(tempfile.gettempdir()), f"{FOLDER_PREFIX}*", "*.txt")
    for path in sorted(glob.glob(pattern)):
        with suppress(OSError):  # another user has made the folder, or the lock is held because an editor is still running
            descriptor = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(descriptor).st_uid == os.geteuid():
                    yield path
            finally:
                os.close(descriptor)


def editor_command() -> list[str]:
    """Return the command that starts the editor, as a list of the program and its options.

    It is the command in $VISUAL, else the one in $EDITOR, else the first of `EDITORS` that is installed.

    Raises `InvalidSetting` if there is no such command, if it cannot be split into words (a quotation mark is not closed), or
    if its program is not installed. Raises it, too, if the editor needs a terminal (`TERMINAL_EDITORS`) and there is none, or
    if it waits only with an option that the command lacks (`WAIT_OPTIONS`).
    """
    variable = _variable()
    named = os.environ.get(variable)
    try:
        command = shlex.split(named) if named else [editor for editor in EDITORS if shutil.which(editor)][:1]
    except ValueError:
        raise InvalidSetting("editor_not_understood", editor=named, variable=variable) from None
    if not command:
        raise InvalidSetting("no_editor", variable=variable)
    if shutil.which(command[0]) is None:
        raise InvalidSetting("editor_missing", editor=command[0], variable=variable)
    if _is_terminal_editor(command) and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InvalidSetting("editor_without_terminal", editor=command[0])
    wait_options = _wait_options(command)
    if wait_options and not _waits(command):
        raise InvalidSetting("editor_does_not_wait", editor=named, wait_option=wait_options[0], variable=variable)
    return command


def _variable() -> str:
    """The name of the environment variable that names the editor: VISUAL if it is set and not empty, else EDITOR."""
    return "VISUAL" if os.environ.get("VISUAL") else "EDITOR"


def _is_terminal_editor(command: list[str]) -> bool:
    return os.path.basename(command[0]) in TERMINAL_EDITORS


def _wait_options(command: list[str]) -> tuple[str, ...]:
    """The options that make the editor in `command` wait (`WAIT_OPTIONS`); empty if it needs none, or is not known."""
    return WAIT_OPTIONS.get(os.path.basename(command[0]), ())


def _waits(command: list[str]) -> bool:
    """Whether the editor of `command` is known to end only when the user has ended it."""
    return _is_terminal_editor(command) or not set(_wait_options(command)).isdisjoint(command)


def _run(command: list[str], path: str, signals: _EndingSignals) -> bool:
    """Run the editor `command` on the file `path`, and return whether its exit code was 0.

    Meanwhile Ctrl-C has no effect on this process. If SIGTERM or SIGHUP arrives, send it to the editor as well, wait at most
    `EDITOR_END_SECONDS` until the editor has ended, and raise `_Ended`. Raises `InvalidSetting` if the editor cannot be
    started.
    """
    handler = signal.signal(signal.SIGINT, lambda _number, _frame: None)  # not SIG_IGN, which the editor would inherit
    try:
        signals.are_held = True  # until the editor is started, which must get the signal, too
        process = subprocess.Popen([*command, path])
        try:
            signals.release()
            with noticing_signals():
                return process.wait() == 0
        except _Ended as ended:
            process.send_signal(ended.number)  # the editor may save the text then
            with suppress(subprocess.TimeoutExpired):
                process.wait(EDITOR_END_SECONDS)
            raise
    except OSError as error:  # from starting the editor, which is neither a file of udpnote nor a socket
        raise InvalidSetting("editor_not_started", editor=command[0], problem=error.strerror, variable=_variable()) from None
    finally:
        signal.signal(signal.SIGINT, handler)


def _encoded(text: str, encoding: str) -> bytes:
    """`text` in `encoding`. Raises `InvalidEntry` if `encoding` lacks a character of `text`."""
    try:
        return text.encode(encoding)
    except UnicodeEncodeError as error:
        raise InvalidEntry("text_beyond_encoding", character=text[error.start], encoding=encoding.upper()) from None


def _write(path: str, data: bytes) -> None:
    """Make the file `path` with `data` in it. Only this user can read the file."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)


def _is_changed(path: str, data: bytes) -> bool:
    """Return whether the editor has left a text that may be worth keeping: the file `path` has other content than `data`, or
    there is another file in its folder. Some editors save the text in another file when a signal ends them.

    Return False if the editor has removed the file `path`. If `path` is no regular file any more, only other files count.
    """
    with suppress(FileNotFoundError):
        is_regular = _is_regular(path)
        return len(os.listdir(os.path.dirname(path))) > 1 or (is_regular and _begins(path, len(data) + 1) != data)
    return False


def _begins(path: str, bytes_max: int) -> bytes:
    """The first `bytes_max` bytes of the file `path`."""
    with open(path, "rb") as file:
        return file.read(bytes_max)


def _read(path: str) -> bytes:
    """Read and return the file `path`; empty if the editor has removed it. Raises `InvalidEntry` if the file is too long, or if
    the editor has put something else there that is no regular file.
    """
    try:
        if not _is_regular(path):
            raise InvalidEntry("edited_file_irregular")
        with open(path, "rb") as file:
            return entry_bytes(file)
    except FileNotFoundError:  # the editor has removed it
        return b""


def _is_regular(path: str) -> bool:
    """Whether `path` is a regular file. Reading from a pipe or a device may never end. Raises `FileNotFoundError`."""
    return stat.S_ISREG(os.stat(path).st_mode)
