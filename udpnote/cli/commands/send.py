"""`udpnote send`: one entry, or standard input."""

import sys
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

from udpnote.cli import exit_codes
from udpnote.cli.terminal.progress import Progress, size_of
from udpnote.cli.terminal.streams import say
from udpnote.cli.terminal.text import count, in_json, stored_line
from udpnote.client.client import Client
from udpnote.client.send_results import SentEntry, State
from udpnote.model.entry import check_text


def send(words: list[str], flags: dict[str, Any], *, is_whole: bool, as_json: bool) -> int:
    """Send `words` as one entry, or standard input if there are none, or only `-`."""
    reads_input = words in ([], ["-"])
    if not reads_input:
        check_text(" ".join(words))
    report = _Report(as_json=as_json)
    with Client(**flags, on_delivered=report.delivered_earlier, on_notice=say) as client:
        try:
            if not reads_input:
                report.take_all(client.send_many([" ".join(words)]))
            elif is_whole:
                report.take_all(client.send_many([_whole_input()]))
            else:
                _send_lines(client, report)
        except KeyboardInterrupt:
            report.interrupted()
            return exit_codes.INTERRUPTED
    return report.conclude()


def _whole_input() -> str:
    from udpnote.cli.input_lines import whole_input

    explain_terminal("the entry")
    return whole_input(sys.stdin.buffer)


def _send_lines(client: Client, report: "_Report") -> None:
    from udpnote.cli.input_lines import Lines

    explain_terminal("entries, one per line")
    lines = Lines(sys.stdin.fileno(), on_ready=client.wake, on_idle=sys.stdout.flush, on_bad=say)
    with Progress(lambda: lines.bytes_read, size_of(sys.stdin.fileno()), prints=True) as progress:
        for sent in client.send_many(lines):
            report.take(sent)
            progress.advance()
    report.bad_lines = lines.bad
    if lines.error is not None:
        report.bad_lines += 1
        say(lines.error)
    if lines.blank:
        say(f"{count(lines.blank, 'blank line', 'blank lines')} passed over")


def explain_terminal(what: str) -> None:
    """Tell somebody at a terminal what to type."""
    if sys.stdin.isatty():
        print(f"Type {what}; Ctrl-D ends it.", file=sys.stderr)


class _Report:
    """Tells the user what became of each entry, and sums up."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._counts: Counter[State] = Counter()
        self._reasons: Counter[tuple[State, str]] = Counter()
        self._delivered_earlier = 0
        self._flushed_at = 0.0
        self.bad_lines = 0

    def take_all(self, sent_entries: Iterable[SentEntry]) -> None:
        for sent in sent_entries:
            self.take(sent)

    def take(self, sent: SentEntry) -> None:
        """Print what became of one entry."""
        self._counts[sent.state] += 1
        if sent.reason is not None:
            self._reasons[sent.state, sent.reason] += 1
        if self._as_json:
            sys.stdout.write(in_json(sent_object(sent)) + "\n")
        elif sent.number is not None:
            sys.stdout.write(stored_line(sent.number, sent.entry) + "\n")
        now = time.monotonic()
        if now - self._flushed_at > 0.05:  # at once for a person, seldom in a flood
            sys.stdout.flush()
            self._flushed_at = now

    def delivered_earlier(self, _sent: SentEntry) -> None:
        self._delivered_earlier += 1

    def interrupted(self) -> None:
        sys.stdout.flush()
        say(f"interrupted: {self._counts[State.STORED]:,} stored; whatever was taken in before and is not stored is queued")

    def conclude(self) -> int:
        """Sum up what was not stored, and give the exit code."""
        sys.stdout.flush()
        if self._delivered_earlier:
            say(f"{count(self._delivered_earlier, 'queued entry', 'queued entries')} delivered as well")
        for (state, reason), entries in self._reasons.items():
            say(f"{count(entries, 'entry', 'entries')} {state.value}: {reason}")
        if not self._counts and not self.bad_lines:
            say("nothing to send: the input holds no text")
        if self._counts[State.REFUSED] or self.bad_lines:
            return exit_codes.REFUSED
        return exit_codes.QUEUED if self._counts[State.QUEUED] else exit_codes.DONE


def sent_object(sent: SentEntry) -> dict[str, object]:
    """What became of an entry, for programs."""
    from udpnote.text.jsonl import iso_time  # here, because a one-shot send prints no JSON

    entry = sent.entry
    return {
        "number": sent.number,
        "client": entry.client_id.hex(),
        "sequence": entry.sequence,
        "written_at": iso_time(entry.written_at, entry.utc_offset),
        "status": sent.state.value,
    }
