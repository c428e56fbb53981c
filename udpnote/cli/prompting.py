"""`udpnote write`: a prompt where each line is an entry."""

import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from udpnote.cli import exits
from udpnote.cli.display import harmless, stored_line
from udpnote.client import Client
from udpnote.errors import EntryRefused, InvalidEntry, Queued, UdpnoteError
from udpnote.sending import SentEntry
from udpnote.settings import load_settings

DELIVERY_PAUSE_SECONDS = 3.0
"""How often the outbox is looked into while the prompt waits."""

DELIVERY_WAIT_SECONDS = 1.0
"""How long such a delivery waits for an answer: a line typed meanwhile interrupts it anyway."""


class Words(NamedTuple):
    """What the prompt says, in one language."""

    prompt: str
    welcome: str
    queued: str
    delivered: str
    refused: str
    goodbye: str


ENGLISH = Words(
    prompt="Today's note (quit ends): ",
    welcome="Each line is kept as an entry. `quit` or Ctrl-D ends.",
    queued="queued, delivered as soon as the server answers",
    delivered="delivered",
    refused="not stored",
    goodbye="Goodbye.",
)
CHINESE = Words(
    prompt="今日记录，请输入（输入quit退出程序）：",
    welcome="每行一条记录。输入 quit 或按 Ctrl-D 退出。",
    queued="已排队，服务器恢复后自动送达",
    delivered="已送达",
    refused="未保存",
    goodbye="再见。",
)


def write(flags: dict[str, Any]) -> int:
    """Send each line that is typed, until `quit` or the end of input."""
    words = words_for(os.environ)
    with Client(**flags, on_delivered=lambda sent: _say(f"{words.delivered}: {_line(sent)}"), on_notice=_say) as client:
        lines = _lines(words.prompt, load_settings().history)
        _say(words.welcome)
        with _Deliverer(client):
            for line in lines:
                if line.strip() == "quit":
                    break
                if line.strip():
                    _send(client, line, words)
    _say(words.goodbye)
    return exits.DONE


def words_for(environ: Mapping[str, str]) -> Words:
    """Chinese where the locale says so (LC_ALL over LC_MESSAGES over LANG, as in locale(7)), else English."""
    locale = environ.get("LC_ALL") or environ.get("LC_MESSAGES") or environ.get("LANG") or ""
    return CHINESE if locale.startswith("zh") else ENGLISH


def _send(client: Client, line: str, words: Words) -> None:
    try:
        print(_line(client.send(line)), flush=True)
    except Queued as queued:
        _say(f"{words.queued} ({queued})")
    except (InvalidEntry, EntryRefused) as error:
        _say(f"{words.refused}: {error}")
    except KeyboardInterrupt:
        _say(words.queued)


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
    from prompt_toolkit.history import FileHistory
    from prompt_toolkit.patch_stdout import patch_stdout

    os.makedirs(os.path.dirname(history), mode=0o700, exist_ok=True)
    session: PromptSession[str] = PromptSession(history=FileHistory(history))

    def ask() -> str:
        with patch_stdout():
            return session.prompt(prompt)

    return ask


def _say(notice: str) -> None:
    print(harmless(notice), flush=True)


class _Deliverer:
    """Delivers what waits in the outbox while the prompt is idle, in a thread of its own."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._deliver, name="udpnote delivery", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._client.wake()
        self._thread.join()

    def _deliver(self) -> None:
        while not self._ended.wait(DELIVERY_PAUSE_SECONDS):
            try:
                if any(waiting.refused is None for waiting in self._client.waiting()):
                    self._client.deliver(wait=DELIVERY_WAIT_SECONDS)
            except UdpnoteError:
                continue  # no server yet: the user was told when the entry was queued
