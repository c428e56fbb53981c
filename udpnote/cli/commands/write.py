"""`udpnote write`: a prompt where each line is an entry."""

import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

import typer

from udpnote.cli import exit_codes
from udpnote.cli.client_options import NO_OPTIONS
from udpnote.cli.options import WritingClient, as_command
from udpnote.cli.terminal.text import harmless, reads_chinese, shortened, stored_line
from udpnote.client.client import Client
from udpnote.client.results import SentEntry
from udpnote.errors import Queued, UdpnoteError
from udpnote.model.notebook import KnownNotebook, called
from udpnote.settings import load_settings

DELIVERY_PAUSE_SECONDS = 3.0
DELIVERY_PAUSE_MAX_SECONDS = 24.0
"""How often the outbox is looked into while the prompt waits: less and less often where nothing can be delivered."""

DELIVERY_WAIT_SECONDS = 1.0
"""How long such a delivery waits for an answer: a line typed meanwhile waits for it, if it must search."""


NAME_CELLS_MAX = 40
"""Of a notebook's name, so much is shown: its line then fits on a terminal of 80 columns."""


class Words(NamedTuple):
    """What the prompt says, in one language."""

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


ENGLISH = Words(
    prompt="Today's note (quit ends): ",
    welcome="Each line is kept as an entry. `quit` or Ctrl-D ends.",
    to_open="Your lines go to {}, which is open.",
    to_sealed="Your lines go to {}, which is sealed.",
    queued="queued, delivered as soon as the server answers",
    interrupted="not waited for: `udpnote outbox` shows whether it is queued",
    delivered="delivered",
    refused="not stored",
    waiting="still queued: {} (`udpnote outbox`)",
    goodbye="Goodbye.",
)
CHINESE = Words(
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
@as_command
def write(options: WritingClient = NO_OPTIONS) -> int:
    """Write at a prompt: each line is an entry.

    `quit` or Ctrl-D ends it.

    Examples:

        udpnote write
    """
    words = words_for(os.environ)
    with options.client(on_delivered=lambda sent: _say(f"{words.delivered}: {_line(sent)}")) as client:
        lines = _lines(words.prompt, load_settings().history)
        destination = _Destination(client, words)
        sender = _Sender(client, destination, words)
        _say(words.welcome)
        destination.tell_news()
        with _Deliverer(client, destination):
            for line in lines:
                if line.strip() == "quit":
                    break
                if line.strip():
                    sender.take(line)
        waiting = sum(each.refused is None for each in client.waiting())
    if waiting:
        _say(words.waiting.format(waiting))
    _say(words.goodbye)
    return exit_codes.QUEUED if waiting else exit_codes.DONE


def words_for(environ: Mapping[str, str]) -> Words:
    """What the prompt says to somebody with this environment."""
    return CHINESE if reads_chinese(environ) else ENGLISH


def _line(sent: SentEntry) -> str:
    assert sent.number is not None
    return stored_line(sent.number, sent.entry)


def _lines(prompt: str, history: str) -> Iterator[str]:
    """Lines as they are typed; from something else than a terminal, simply its lines."""
    ask = _asker(prompt, history) if sys.stdin.isatty() and sys.stdout.isatty() else input
    while True:
        try:
            yield ask()
        except EOFError:
            return
        except KeyboardInterrupt:
            continue  # the line is given up, as in a shell


def _asker(prompt: str, history: str) -> Callable[[], str]:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import FileHistory, History, InMemoryHistory
    from prompt_toolkit.patch_stdout import patch_stdout

    try:
        os.makedirs(os.path.dirname(history), mode=0o700, exist_ok=True)
        os.close(os.open(history, os.O_CREAT | os.O_RDWR, 0o600))
        kept: History = FileHistory(history)
    except OSError as error:  # the user's file, and no reason not to write
        _say(f"the history is not kept: cannot write {history} ({error.strerror})")
        kept = InMemoryHistory()
    session: PromptSession[str] = PromptSession(history=kept)

    def ask() -> str:
        with patch_stdout():
            return session.prompt(prompt)

    return ask


def _say(notice: str) -> None:
    print(harmless(notice), flush=True)


class _Sender:
    """Sends lines, and says what became of each; why lines are queued, once in a row."""

    def __init__(self, client: Client, destination: "_Destination", words: Words) -> None:
        self._client = client
        self._destination = destination
        self._words = words
        self._told_reason: str | None = None

    def take(self, line: str) -> None:
        """Send a line, and say what became of it, and which notebook it is for if that is news."""
        try:
            self._send(line)
            self._destination.tell_news()
        except KeyboardInterrupt:
            _say(self._words.interrupted)

    def _send(self, line: str) -> None:
        reason = None
        try:
            print(_line(self._client.send(line)), flush=True)
        except Queued as queued:
            reason = str(queued)
            _say(self._words.queued if reason == self._told_reason else f"{self._words.queued} ({reason})")
        except UdpnoteError as error:
            _say(f"{self._words.refused}: {error}")
        self._told_reason = reason


class _Destination:
    """Says which notebook the lines go to, once that is known, and whenever it is another one, or differs in name or seal."""

    def __init__(self, client: Client, words: Words) -> None:
        self._client = client
        self._words = words
        self._told: tuple[bytes, str] | None = None
        self._lock = threading.Lock()

    def tell_news(self) -> None:
        """Say it, unless it was said; two threads may call this."""
        with self._lock, suppress(UdpnoteError):  # whatever hinders it is said when the next line is sent
            notebook = self._client.notebook
            if notebook is None:
                return
            words = self._words.to_open if notebook.key_id is None else self._words.to_sealed
            news = notebook.notebook_id, words.format(self._shown(notebook))
            if news != self._told:
                self._told = news
                _say(news[1])

    def _shown(self, notebook: KnownNotebook) -> str:
        """Its name, not too long, with the start of its id where others are called so, too."""
        start_of_id = called(notebook, self._client.known())[len(notebook.name) :]
        return shortened(notebook.name, NAME_CELLS_MAX) + start_of_id


class _Deliverer:
    """Delivers what waits in the outbox while the prompt is idle, in a thread of its own."""

    def __init__(self, client: Client, destination: _Destination) -> None:
        self._client = client
        self._destination = destination
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._deliver, name="udpnote delivery", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()  # a delivery that is under way ends when the client is closed

    def _deliver(self) -> None:
        pause = DELIVERY_PAUSE_SECONDS
        while not self._ended.wait(pause):
            with suppress(UdpnoteError):  # no server yet: the user was told when the entry was queued
                before = self._waiting()
                if before:
                    self._client.deliver(wait=DELIVERY_WAIT_SECONDS)
                    self._destination.tell_news()
                is_vain = 0 < before <= self._waiting()
                pause = min(2 * pause, DELIVERY_PAUSE_MAX_SECONDS) if is_vain else DELIVERY_PAUSE_SECONDS

    def _waiting(self) -> int:
        return sum(waiting.refused is None for waiting in self._client.waiting())
