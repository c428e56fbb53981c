"""`udpnote write`: sends each line that the user types at a prompt as an entry, and delivers queued entries meanwhile."""

import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

from udpnote.cli import exit_codes
from udpnote.cli.client_options import NO_OPTIONS
from udpnote.cli.declared_command import DeclaredCommands, as_changing_command
from udpnote.cli.input_lines import next_line
from udpnote.cli.options import WritingClient
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

PASTED_LINES_MAX = 9
"""How many pasted lines are stored without a question. Of more, a person may have expected one note, or none."""

END_WORDS = frozenset(("quit", "exit", "bye", "q", ":q", "退出"))
"""The lines, in any case, that end the prompt. From a pipe only `quit` ends it, because the other words may be data."""

HELP_WORDS = frozenset(("help", "?", "帮助"))
"""The lines, in any case, that print the help at the prompt."""

NAME_CELLS_MAX = 40
"""A longer name of a notebook is shortened, so that its line fits on a terminal of 80 columns."""


class PromptTexts(NamedTuple):
    """The texts that `udpnote write` prints, in one language.

    In `to_open` and `to_sealed`, `{}` stands for the name of the notebook; in `waiting`, for the number of entries.
    """

    prompt: str
    welcome: str
    help: str
    pasted: str
    how_to_store: str
    pasted_dropped: str
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
    welcome="Each line is stored as an entry. `help` explains more, `quit` or Ctrl-D ends.",
    help="Enter stores a line as an entry; several pasted lines are several entries. Up brings back an earlier line.\n"
    "Ctrl-C drops the line, Ctrl-Z suspends the prompt; `quit`, `exit`, `q` or Ctrl-D ends it.\n"
    "`udpnote send quit` stores such a word; `udpnote send --whole` stores several lines as one entry.",
    pasted="{:,} lines were pasted: each is stored as an entry",
    how_to_store="{:,} lines were pasted. Store each (e), all as one entry (a), or none (n)? ",
    pasted_dropped="nothing is stored",
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
    welcome="每行一条记录。输入 help 或“帮助”查看说明，输入 quit 或按 Ctrl-D 退出。",
    help="回车保存一行为一条记录；粘贴多行则每行一条。按向上键找回之前的行。\n"
    "Ctrl-C 放弃当前行，Ctrl-Z 挂起；quit、exit、q、退出或 Ctrl-D 结束。\n"
    "要记录这样的词：`udpnote send quit`；要把多行存为一条：`udpnote send --whole`。",
    pasted="粘贴了 {:,} 行：每行一条记录",
    how_to_store="粘贴了 {:,} 行。每行一条（e），合为一条（a），还是不保存（n）？",
    pasted_dropped="未保存任何内容",
    to_open="写入笔记本：{}（公开）",
    to_sealed="写入笔记本：{}（加密）",
    queued="已排队，服务器恢复后自动送达",
    interrupted="不再等待：用 `udpnote outbox` 查看是否已排队",
    delivered="已送达",
    refused="未保存",
    waiting="仍在排队：{}（`udpnote outbox`）",
    goodbye="再见。",
)


app = DeclaredCommands()


@app.command()
@as_changing_command
def write(options: WritingClient = NO_OPTIONS) -> int:
    """Write at a prompt: each line is an entry.

    `quit` or Ctrl-D ends it, `help` explains the keys. Of many pasted lines it asks whether each is an entry.

    Examples:

        udpnote write
    """
    texts = texts_for(os.environ)
    with options.client(on_delivered=lambda sent: _say(f"{texts.delivered}: {_line(sent)}")) as client:
        lines = _lines(texts, load_settings().history)
        destination = _DestinationLine(client, texts)
        sender = _LineSender(client, destination, texts)
        _say(texts.welcome)
        destination.print_if_new()
        with _BackgroundDelivery(client, destination):
            for line in lines:
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


def _lines(texts: PromptTexts, history: str) -> Iterator[str]:
    """Yield the texts that the user enters at the prompt: a typed line, or each of several pasted lines, or these as one text.

    If standard input or output is not a terminal, there is no prompt, and the lines of standard input are yielded. A line with
    `quit` ends both; at the prompt, so do the other `END_WORDS`. The file `history` keeps what was typed at the prompt.
    """
    if sys.stdin.isatty() and sys.stdout.isatty():
        yield from _prompted_lines(_Prompt(history), texts)
    else:
        with suppress(EOFError):
            while (line := next_line(sys.stdin)).strip() != "quit":
                yield line


def _prompted_lines(prompt: "_Prompt", texts: PromptTexts) -> Iterator[str]:
    while True:
        try:
            text = prompt.ask(texts.prompt)
            lines = [line for line in text.split("\n") if line.strip()]
            if len(lines) > 1:
                yield from _pasted_entries(text, lines, prompt, texts)
            elif text.strip().casefold() in END_WORDS:
                return
            elif text.strip().casefold() in HELP_WORDS:
                _say_lines(texts.help)
            else:
                yield from lines
        except EOFError:
            return
        except KeyboardInterrupt:
            continue  # drops the line, as in a shell


def _pasted_entries(text: str, lines: list[str], prompt: "_Prompt", texts: PromptTexts) -> list[str]:
    """The entries in a pasted `text`: its `lines`, the whole text, or none, as the user chooses; a few lines need no choice."""
    if len(lines) <= PASTED_LINES_MAX:
        _say(texts.pasted.format(len(lines)))
        return lines
    choice = ""
    while choice not in ("e", "a", "n"):
        choice = prompt.ask(texts.how_to_store.format(len(lines)), is_kept=False).strip().casefold()
    if choice == "n":
        _say(texts.pasted_dropped)
    return {"e": lines, "a": [text.rstrip("\n")], "n": []}[choice]


class _Prompt:
    """A prompt with line editing. It keeps the lines in the file `history`, so that the user can bring them back.

    If the file cannot be written, a message says so, and the lines are kept until the command ends.
    """

    def __init__(self, history: str) -> None:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.history import FileHistory, History, InMemoryHistory

        try:
            make_folders(os.path.dirname(history))
            os.close(os.open(history, os.O_CREAT | os.O_RDWR, 0o600))
            kept: History = FileHistory(history)
        except OSError as error:  # from the history's file: the prompt works without it
            _say(str(Notice("history_not_kept", path=history, problem=error.strerror)))
            kept = InMemoryHistory()
        self._lines: PromptSession[str] = PromptSession(history=kept, enable_suspend=True)
        self._choices: PromptSession[str] = PromptSession(history=InMemoryHistory(), enable_suspend=True)

    def ask(self, prompt: str, *, is_kept: bool = True) -> str:
        """Show `prompt`, let the user edit a text, and return it; keep it in the history if `is_kept`.

        The text has several lines if they were pasted. Raises `EOFError` after Ctrl-D and `KeyboardInterrupt` after Ctrl-C.
        """
        from prompt_toolkit.patch_stdout import patch_stdout

        with patch_stdout():
            return (self._lines if is_kept else self._choices).prompt(prompt)


def _say_lines(text: str) -> None:
    for line in text.split("\n"):
        _say(line)


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
