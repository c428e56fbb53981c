"""`udpnote write`: sends each line that the user types at a prompt as an entry, and delivers queued entries meanwhile."""

import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import NamedTuple

import typer

from udpnote.cli import exit_codes
from udpnote.cli.client_options import NO_OPTIONS
from udpnote.cli.input_lines import next_line
from udpnote.cli.options import WritingClient, as_changing_command
from udpnote.cli.terminal.text import line_for_writer, reads_chinese, shortened
from udpnote.client.client import Client
from udpnote.client.results import SentEntry
from udpnote.errors import Notice, Queued, UdpnoteError
from udpnote.model.notebook import KnownNotebook, display_name
from udpnote.settings import load_settings
from udpnote.storage.new_files import make_folders
from udpnote.text.harmless import harmless

DELIVERY_PAUSE_SECONDS = 3.0
DELIVERY_PAUSE_MAX_SECONDS = 24.0
"""The pause before the next attempt to deliver queued entries. After each failed attempt it doubles, up to the maximum."""

DELIVERY_WAIT_SECONDS = 1.0
"""How long an attempt to deliver queued entries waits for an answer. A line typed meanwhile may have to wait as long."""

NAME_CELLS_MAX = 40
"""A longer name of a notebook is shortened, so that its line fits on a terminal of 80 columns."""


class PromptTexts(NamedTuple):
    """The texts that `udpnote write` prints, in one language.

    In `to_open` and `to_sealed`, `{}` stands for the name of the notebook; in `waiting`, for the number of entries.
    """

    prompt: str
    welcome: str
    to_open: str
    to_sealed: str
    queued: str
    interrupted: str
    delivered: str
    refused: str
    waiting: str
    goodbye: str


ENGLISH = PromptTexts(
    prompt="Today's note (quit ends): ",
    welcome="Each line is stored as an entry. `quit` or Ctrl-D ends.",
    to_open="Your lines go to {}, which is open.",
    to_sealed="Your lines go to {}, which is sealed.",
    queued="queued, delivered as soon as the server answers",
    interrupted="not waited for: `udpnote outbox` shows whether it is queued",
    delivered="delivered",
    refused="not stored",
    waiting="still queued: {} (`udpnote outbox`)",
    goodbye="Goodbye.",
)
CHINESE = PromptTexts(
    prompt="今日记录，请输入（输入quit退出程序）：",
    welcome="每行一条记录。输入 quit 或按 Ctrl-D 退出。",
    to_open="写入笔记本：{}（公开）",
    to_sealed="写入笔记本：{}（加密）",
    queued="已排队，服务器恢复后自动送达",
    interrupted="不再等待：用 `udpnote outbox` 查看是否已排队",
    delivered="已送达",
    refused="未保存",
    waiting="仍在排队：{}（`udpnote outbox`）",
    goodbye="再见。",
)


app = typer.Typer(rich_markup_mode="markdown")


@app.command()
@as_changing_command
def write(options: WritingClient = NO_OPTIONS) -> int:
    """Write at a prompt: each line is an entry.

    `quit` or Ctrl-D ends it.

    Examples:

        udpnote write
    """
    texts = texts_for(os.environ)
    with options.client(on_delivered=lambda sent: _say(f"{texts.delivered}: {_line(sent)}")) as client:
        lines = _lines(texts.prompt, load_settings().history)
        destination = _DestinationLine(client, texts)
        sender = _LineSender(client, destination, texts)
        _say(texts.welcome)
        destination.print_if_new()
        with _BackgroundDelivery(client, destination):
            for line in lines:
                if line.strip() == "quit":
                    break
                if line.strip():
                    sender.send(line)
        waiting = _count_waiting(client)
    if waiting:
        _say(texts.waiting.format(waiting))
    _say(texts.goodbye)
    return exit_codes.QUEUED if waiting else exit_codes.DONE


def texts_for(environ: Mapping[str, str]) -> PromptTexts:
    """The texts in Chinese if the locale that `environ` names is Chinese, otherwise in English."""
    return CHINESE if reads_chinese(environ) else ENGLISH


def _line(sent: SentEntry) -> str:
    """A stored entry as one line, without a newline."""
    assert sent.number is not None, "a stored entry has a number"
    return line_for_writer(sent.number, sent.entry)


def _lines(prompt: str, history: str) -> Iterator[str]:
    """Yield the lines that the user types at the prompt. Ctrl-C drops the line that is being typed.

    If standard input or output is not a terminal, there is no prompt, and the lines of standard input are yielded. The file
    `history` keeps what was typed at the prompt.
    """
    is_prompting = sys.stdin.isatty() and sys.stdout.isatty()
    ask = _asker(prompt, history) if is_prompting else partial(next_line, sys.stdin)
    while True:
        try:
            yield ask()
        except EOFError:
            return
        except KeyboardInterrupt:
            continue  # drops the line, as in a shell


def _asker(prompt: str, history: str) -> Callable[[], str]:
    """A function that shows the prompt, lets the user edit a line, and returns the line.

    It raises `EOFError` after Ctrl-D and `KeyboardInterrupt` after Ctrl-C. It keeps the lines in the file `history`, so that
    the user can bring them back. If the file cannot be written, a message says so, and the lines are kept until the command
    ends.
    """
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import FileHistory, History, InMemoryHistory
    from prompt_toolkit.patch_stdout import patch_stdout

    try:
        make_folders(os.path.dirname(history))
        os.close(os.open(history, os.O_CREAT | os.O_RDWR, 0o600))
        kept: History = FileHistory(history)
    except OSError as error:  # from the history's file: the prompt works without it
        _say(str(Notice("history_not_kept", path=history, problem=error.strerror)))
        kept = InMemoryHistory()
    session: PromptSession[str] = PromptSession(history=kept)

    def ask() -> str:
        with patch_stdout():
            return session.prompt(prompt)

    return ask


def _say(text: str) -> None:
    """Print `text` as a line on standard output, without characters that could harm a terminal.

    Unlike other commands' messages, it belongs to the dialogue at the prompt.
    """
    print(harmless(text), flush=True)


class _LineSender:
    """Sends lines as entries, and prints the outcome of each.

    If several lines in a row are queued for the same reason, the reason is printed once.
    """

    def __init__(self, client: Client, destination: "_DestinationLine", texts: PromptTexts) -> None:
        self._client = client
        self._destination = destination
        self._texts = texts
        self._latest_reason: Notice | None = None

    def send(self, line: str) -> None:
        """Send `line` as an entry, and print its outcome, then which notebook the lines go to, if that has changed.

        Ctrl-C ends the waiting for the outcome.
        """
        try:
            self._send(line)
            self._destination.print_if_new()
        except KeyboardInterrupt:
            _say(self._texts.interrupted)

    def _send(self, line: str) -> None:
        """Send `line` as an entry, and print its outcome."""
        reason = None
        try:
            print(_line(self._client.send(line)), flush=True)
        except Queued as queued:
            reason = queued.notice
            _say(self._texts.queued if reason == self._latest_reason else f"{self._texts.queued} ({reason})")
        except UdpnoteError as error:
            _say(f"{self._texts.refused}: {error}")
        self._latest_reason = reason


class _DestinationLine:
    """Prints which notebook the lines go to, when it becomes known and whenever it changes.

    It changes if the client uses another notebook, or if the notebook gets another name, is sealed or is made open.
    """

    def __init__(self, client: Client, texts: PromptTexts) -> None:
        self._client = client
        self._texts = texts
        self._printed: tuple[bytes, str] | None = None
        self._lock = threading.Lock()

    def print_if_new(self) -> None:
        """Print which notebook the lines go to, if it is known and is not what was printed last.

        Several threads may call this.
        """
        with self._lock, suppress(UdpnoteError):  # `send` of the next line reports the same error
            notebook = self._client.notebook
            if notebook is None:
                return
            text = self._texts.to_open if notebook.key_id is None else self._texts.to_sealed
            line = notebook.notebook_id, text.format(self._name(notebook))
            if line != self._printed:
                self._printed = line
                _say(line[1])

    def _name(self, notebook: KnownNotebook) -> str:
        """The name of `notebook`, shortened; if another known notebook has this name, the start of the id follows."""
        start_of_id = display_name(notebook, self._client.known())[len(notebook.name) :]
        return shortened(notebook.name, NAME_CELLS_MAX) + start_of_id


class _BackgroundDelivery:
    """In its `with` block, delivers queued entries in a thread of its own, also while the prompt waits for a line.

    The end of the block does not wait for the thread; closing the client ends its work.
    """

    def __init__(self, client: Client, destination: _DestinationLine) -> None:
        self._client = client
        self._destination = destination
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._deliver, name="udpnote delivery", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()  # closing the client ends a delivery that is still going on

    def _deliver(self) -> None:
        """Try to deliver the queued entries, if there are any, again and again until the block ends.

        The pauses between these attempts become longer while attempts deliver nothing.
        """
        pause = DELIVERY_PAUSE_SECONDS
        while not self._ended.wait(pause):
            with suppress(UdpnoteError):  # no server answers: the user read that when the entry was queued
                before = _count_waiting(self._client)
                if before:
                    self._client.deliver(wait=DELIVERY_WAIT_SECONDS)
                    self._destination.print_if_new()
                has_failed = 0 < before <= _count_waiting(self._client)
                pause = min(2 * pause, DELIVERY_PAUSE_MAX_SECONDS) if has_failed else DELIVERY_PAUSE_SECONDS


def _count_waiting(client: Client) -> int:
    """How many entries in the outbox wait for delivery, for any notebook; refused ones are not counted."""
    return sum(each.entries for each in client.waiting_counts() if each.refused is None)
