"""Lets the user change a text in an editor."""

import fcntl
import glob
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType, TracebackType
from typing import Self

from udpnote.cli.input_lines import decoded, whole_file
from udpnote.cli.terminal.streams import say, text_encoding
from udpnote.errors import InvalidEntry, InvalidSetting, Notice

EDITORS = ("vi", "nano")
"""The editors that are tried, in order, if the environment names none."""

TERMINAL_EDITORS = frozenset(
    (
        "ed",
        "emacs",
        "ex",
        "hx",
        "jed",
        "joe",
        "kak",
        "mcedit",
        "mg",
        "micro",
        "nano",
        "ne",
        "nvi",
        "nvim",
        "pico",
        "vi",
        "view",
        "vim",
    )
)
"""Editors that wait for ever, or destroy the output, where there is no terminal."""

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
"""Editors that return at once while their window is open, and the options, the usual one first, with which they wait."""

AT_ONCE_SECONDS = 1.0
"""An editor that ends sooner, without a change, may have left a window open."""

EDITOR_END_SECONDS = 2.0
"""How long an editor may take to save the text when a signal ends it."""

FOLDER_PREFIX = "udpnote-edit-"
"""How the names of the temporary folders begin."""


@contextmanager
def edited(text: str, name: str) -> Iterator[str | None]:
    """Let the user change `text` in an editor, and give the block the new text, or None if the editor's exit code is not 0.

    The editor opens a temporary file called `name`, which is removed after the block. It is in the encoding of the locale, in
    which editors expect files. If `text` does not end with a newline, the file has one more; it is removed from the new text. A
    byte order mark and carriage returns are removed, too, if the editor has added them.

    A changed file is kept if the block raises an error, the new text is too long or not in this encoding, the editor's exit
    code is not 0, or SIGTERM or SIGHUP ends this process: there may be no other copy of the text. The path of a kept file is
    printed. Later calls print it again as long as the file is there, because nobody may have seen it the first time.

    Raises `InvalidSetting` if no editor can be started, and `InvalidEntry` if the encoding lacks a character of `text`, or if
    the new text is too long or not in this encoding.
    """
    command, encoding = editor_command(), text_encoding()
    for path in _left_behind():
        say(Notice("text_left_behind", path=path))
    ending = "" if text.endswith("\n") else "\n"  # editors expect one
    before = _encoded(text + ending, encoding)
    with _EndingSignals() as signals, _folder() as folder:
        path = os.path.join(folder, name)
        _write(path, before)
        started, is_sent = time.monotonic(), False
        try:
            is_done = _run(command, path, signals)
            is_quick = is_done and time.monotonic() - started < AT_ONCE_SECONDS
            if is_quick and not _is_terminal_editor(command) and not _is_changed(path, before):
                say(Notice("editor_ended_at_once", editor=command[0]))
            yield _without_additions(decoded(_read(path), encoding), text).removesuffix(ending) if is_done else None
            is_sent = is_done
        finally:
            if not is_sent and _is_changed(path, before):
                say(Notice("text_kept", path=path))
            else:
                shutil.rmtree(folder, ignore_errors=True)


def _without_additions(text: str, before: str) -> str:
    """`text` without the byte order mark and the carriage returns before newlines that `before`, the old text, did not have."""
    if not before.startswith("\ufeff"):
        text = text.removeprefix("\ufeff")
    return text if "\r\n" in before else text.replace("\r\n", "\n")


class _Ended(BaseException):
    """Raised when this process gets the signal `number`, SIGTERM or SIGHUP, which is to end it."""

    def __init__(self, number: int) -> None:
        self.number = number


class _EndingSignals:
    """A context manager: in its block, SIGTERM and SIGHUP raise `_Ended`; they end the process only after the block.

    A signal that was ignored or had a handler before is left alone. While `are_held` is set, a signal raises nothing; `release`
    raises `_Ended` later. After the first signal, further ones are ignored in the block.
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
        """Clear `are_held`, and raise `_Ended` if a signal has arrived while it was set."""
        self.are_held = False
        if self._held is not None:
            raise _Ended(self._held)

    def _end(self, number: int, _frame: FrameType | None) -> None:
        """The handler of the signals."""
        for each in self._caught:  # a terminal that closes causes several signals
            signal.signal(each, signal.SIG_IGN)
        self._held = number
        if not self.are_held:
            raise _Ended(number)


@contextmanager
def _folder() -> Iterator[str]:
    """Make a temporary folder that other users cannot read, and give its path to the block. The caller removes the folder.

    The folder is locked (flock) during the block: this tells `_left_behind` that an editor is using it.
    """
    folder = tempfile.mkdtemp(prefix=FOLDER_PREFIX)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield folder
    finally:
        os.close(descriptor)


def _left_behind() -> Iterator[str]:
    """The paths of this user's texts that earlier calls of `edited` have kept, or left there because they were killed.

    The texts on which another editor is still working are left out.
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
    """The command that starts the editor, as a list of the program and its options.

    It is the command in $VISUAL, else that in $EDITOR, else the first of `EDITORS` that is installed. Raises `InvalidSetting`
    if the command has an unclosed quotation mark, its program is not installed, or there is no editor; if it is one of the
    `TERMINAL_EDITORS` and there is no terminal; or if it would return at once for want of one of the `WAIT_OPTIONS`.
    """
    named = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    try:
        command = shlex.split(named) if named else [editor for editor in EDITORS if shutil.which(editor)][:1]
    except ValueError:
        raise InvalidSetting("editor_not_understood", editor=named) from None
    if not command:
        raise InvalidSetting("no_editor")
    if shutil.which(command[0]) is None:
        raise InvalidSetting("editor_missing", editor=command[0])
    if _is_terminal_editor(command) and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InvalidSetting("editor_without_terminal", editor=command[0])
    wait_options = WAIT_OPTIONS.get(os.path.basename(command[0]), ())
    if wait_options and not set(wait_options) & set(command):
        raise InvalidSetting("editor_does_not_wait", editor=named, wait_option=wait_options[0])
    return command


def _is_terminal_editor(command: list[str]) -> bool:
    return os.path.basename(command[0]) in TERMINAL_EDITORS


def _run(command: list[str], path: str, signals: _EndingSignals) -> bool:
    """Run the editor `command` on the file `path`, and return whether its exit code was 0.

    Meanwhile Ctrl-C has no effect on this process. If SIGTERM or SIGHUP arrives, the editor gets the signal too. Then this
    waits at most `EDITOR_END_SECONDS` for the end of the editor, and raises `_Ended`. Raises `InvalidSetting` if the editor
    cannot be started.
    """
    handler = signal.signal(signal.SIGINT, lambda _number, _frame: None)  # not SIG_IGN, which the editor would inherit
    try:
        signals.are_held = True  # until the editor is started, which must get the signal, too
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


def _encoded(text: str, encoding: str) -> bytes:
    """`text` encoded by `encoding`. Raises `InvalidEntry` if a character of it is missing there."""
    try:
        return text.encode(encoding)
    except UnicodeEncodeError as error:
        raise InvalidEntry("text_beyond_encoding", character=text[error.start], encoding=encoding.upper()) from None


def _write(path: str, data: bytes) -> None:
    """Make the file `path`, which only this user can read, with `data` in it."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)


def _is_changed(path: str, data: bytes) -> bool:
    """Whether the file `path` has another content than `data`, or an editor has put a file of its own into the same folder.

    False if the editor has removed the file.
    """
    with suppress(FileNotFoundError), open(path, "rb") as file:
        return len(os.listdir(os.path.dirname(path))) > 1 or file.read(len(data) + 1) != data
    return False


def _read(path: str) -> bytes:
    """The content of the file `path`; nothing if the editor has removed it. Raises `InvalidEntry` if it is too long."""
    try:
        with open(path, "rb") as file:
            return whole_file(file)
    except FileNotFoundError:  # the editor has removed it
        return b""
