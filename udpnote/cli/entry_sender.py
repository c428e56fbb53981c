"""Sends an entry, or the lines of standard input, for `udpnote send`, and prints the outcomes."""

import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from udpnote.cli import exit_codes
from udpnote.cli.options.client_options import NO_OPTIONS, ClientOptions
from udpnote.cli.terminal.streams import output_error, say, text_encoding, typed_text
from udpnote.cli.terminal.text import in_json, line_for_writer
from udpnote.cli.waiting_elsewhere import waiting_elsewhere
from udpnote.client.client import Client
from udpnote.client.sending.results import SentEntry, State
from udpnote.errors import InvalidEntry, InvalidSetting, Notice, StorageError
from udpnote.model.entry import check_text

if TYPE_CHECKING:
    from udpnote.model.entry import WritingTime

BAD_LINES_NAMED_MAX = 20
"""How many messages say why a line is not sent. Further such lines are only counted."""

FLUSH_SECONDS = 0.05
"""The shortest time between two flushes of the output. Each entry still seems to appear at once."""


class Additions(NamedTuple):
    """What `--at` and `--tag` add to each entry.

    `written` is the time of writing; None stands for the present time. `tags` are the tags as the user typed them.
    """

    written: "WritingTime | None" = None
    tags: Sequence[str] = ()

    def tagged(self, text: str) -> str:
        """`text` with the tags added."""
        if not self.tags:
            return text
        from udpnote.cli.options.added_tags import with_tags  # here, because most entries get no tag

        return with_tags(text, self.tags)


NO_ADDITIONS = Additions()
"""The value for a command line that has neither `--at` nor `--tag`."""


def send_edited(words: list[str], options: ClientOptions, additions: Additions, *, is_whole: bool, as_json: bool) -> int:
    """Let the user write an entry in the editor, which opens with `words`. Send the entry with `additions`, and
    return the exit code.

    If the text is blank, if it is still `words`, or if the editor fails, send nothing, and return REFUSED. Raises
    `InvalidSetting` if `words` are only `-`, or with `is_whole`, because both ask for standard input. Raises `InvalidEntry` if
    the text cannot be an entry. If the text cannot be sent, the editor's file keeps it.
    """
    from udpnote.cli.terminal.editor import edited

    given = typed_text(words)
    if words == ["-"] or is_whole:
        raise InvalidSetting("edit_and_input")
    report = _Report(as_json=as_json)
    with options.client(on_delivered=report.delivered_earlier) as client:
        try:
            with edited(given, "udpnote-new.txt") as text:
                if text is None or not text.strip():
                    say(Notice("editor_failed" if text is None else "edited_text_blank"))
                    return exit_codes.REFUSED
                if text == given:
                    say(Notice("edited_text_unchanged"))
                    return exit_codes.REFUSED
                text = additions.tagged(text)
                check_text(text)
                report.take_all(client.send_many([text], written=additions.written))
        except KeyboardInterrupt:
            report.interrupted()
            return exit_codes.INTERRUPTED
        report.find_waiting_elsewhere(client)
    return report.conclude()


def send_words_or_input(
    words: list[str],
    options: ClientOptions = NO_OPTIONS,
    additions: Additions = NO_ADDITIONS,
    *,
    is_whole: bool = False,
    as_json: bool = False,
) -> int:
    """Send `words`, joined by spaces, as one entry. Print the outcome, as JSON with `as_json`, and return the exit code.

    If there are no words, or only `-`, send standard input: with `is_whole` as one entry, without it each line as an entry. A
    line that cannot be an entry is reported and not sent. If the outbox can take no further line, print how many lines it has
    taken, and return REFUSED. Each entry gets the time and the tags in `additions`.

    Raises `InvalidEntry` if the words, or the whole input, cannot be an entry, and `StorageError` if the outbox cannot take
    them. Raises the errors of opening the client, too (see `ClientOptions.client`).
    """
    text = None
    if words not in ([], ["-"]):
        text = additions.tagged(typed_text(words))
        check_text(text)
    report = _Report(as_json=as_json)
    with options.client(on_delivered=report.delivered_earlier) as client:
        try:
            if text is None and is_whole:
                from udpnote.cli.terminal.typed_input import typed_entry

                text = additions.tagged(typed_entry(Notice("type_an_entry")))
            if text is not None:
                report.take_all(client.send_many([text], written=additions.written))
            else:
                _send_lines(client, report, additions)
        except KeyboardInterrupt:
            report.interrupted()
            return exit_codes.INTERRUPTED
        except StorageError as error:
            if text is not None:
                raise
            report.cut_short(error)
            return exit_codes.REFUSED
        report.find_waiting_elsewhere(client)
    return report.conclude()


def _send_lines(client: Client, report: "_Report", additions: Additions) -> None:
    """Send each line of standard input as an entry with `additions`. `report` gets the outcomes, and why lines are not sent.

    At a terminal, first ask the user to type. At the end, print how many blank lines were skipped. Raises the errors of
    `Client.send_many`.
    """
    from udpnote.cli.terminal.input_lines import InputLines
    from udpnote.cli.terminal.progress import Progress, size_of
    from udpnote.cli.terminal.typed_input import ask_to_type

    ask_to_type(Notice("type_entries"))
    lines = InputLines(
        sys.stdin.fileno(), text_encoding(), on_ready=client.wake, on_idle=sys.stdout.flush, on_bad=report.bad_line
    )
    with Progress(lambda: lines.bytes_read, size_of(sys.stdin.fileno()), prints=True) as progress:
        texts = _tagged(lines, additions, report) if additions.tags else lines
        for sent in client.send_many(texts, written=additions.written):
            report.take(sent)
            progress.advance()
    if lines.error is not None:
        report.bad_line(lines.error)
    if lines.blank_lines:
        say(Notice("blank_lines_skipped", lines=lines.blank_lines))


def _tagged(lines: Iterable[str | None], additions: Additions, report: "_Report") -> Iterator[str | None]:
    """Yield `lines` with the tags of `additions`. Leave out a line that becomes too long, and tell `report`.

    A None among `lines` means that no line is there yet. It is yielded as it is.
    """
    for line in lines:
        text = None if line is None else additions.tagged(line)
        try:
            if text is not None:
                check_text(text)
        except InvalidEntry as error:
            report.bad_line(error.notice)
        else:
            yield text


class _Report:
    """Prints the outcomes of the entries that a command sends.

    Each stored entry is printed at once. With `as_json`, every outcome is printed at once. `conclude` prints how many entries
    were not stored, and why.
    """

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._stored = 0
        self._reasons: Counter[tuple[State, Notice]] = Counter()
        self._delivered_earlier = 0
        self._flushed_at = 0.0
        self._bad_lines = 0
        self._elsewhere: Notice | None = None

    def find_waiting_elsewhere(self, client: Client) -> None:
        """Find out whether entries wait that `client` does not send to its notebook. If any do, `conclude` prints that.

        If no entry was stored, do nothing.
        """
        if self._stored:
            self._elsewhere = waiting_elsewhere(client, client.notebook)

    def take_all(self, sent_entries: Iterable[SentEntry]) -> None:
        """Call `take` for each of `sent_entries`."""
        for sent in sent_entries:
            self.take(sent)

    def take(self, sent: SentEntry) -> None:
        """Count the outcome of one entry. Print the entry if its number is known; with `as_json`, print every outcome.

        The output is flushed if the last flush was more than `FLUSH_SECONDS` ago.
        """
        if sent.reason is None:
            self._stored += 1
        else:
            self._reasons[sent.state, sent.reason] += 1
        if self._as_json:
            from udpnote.cli.json_output import sent_object

            sys.stdout.write(in_json(sent_object(sent)) + "\n")
        elif sent.number is not None:
            sys.stdout.write(line_for_writer(sent.number, sent.entry) + "\n")
        now = time.monotonic()
        if now - self._flushed_at > FLUSH_SECONDS:
            sys.stdout.flush()
            self._flushed_at = now

    def bad_line(self, problem: Notice) -> None:
        """Count a line of the input that is not sent. Print `problem` for the first `BAD_LINES_NAMED_MAX` of them."""
        self._bad_lines += 1
        if self._bad_lines <= BAD_LINES_NAMED_MAX:
            say(problem)

    def delivered_earlier(self, _sent: SentEntry) -> None:
        """Count an entry that an earlier command has queued and that this command has delivered."""
        self._delivered_earlier += 1

    def interrupted(self) -> None:
        """Print how many entries were stored before Ctrl-C, and which command shows the queued ones.

        Some lines that were read from the input may be neither stored nor queued, because a thread reads them before they are
        saved in the outbox (see `InputLines`).
        """
        sys.stdout.flush()
        say(Notice("sending_interrupted", stored=self._stored))

    def cut_short(self, error: StorageError) -> None:
        """Print `error`, which says why the rest of the input cannot be saved. Print how many entries were stored and queued.

        If the outbox was removed, print only how many were stored, because the queued ones were removed with it.
        """
        sys.stdout.flush()
        say(error.notice)
        queued = sum(entries for (state, _), entries in self._reasons.items() if state is State.QUEUED)
        if error.notice.kind == "outbox_removed":
            say(Notice("entries_stored", entries=self._stored))
        elif self._stored or queued:
            say(Notice("input_not_saved", stored=self._stored, queued=queued))

    def conclude(self) -> int:
        """Print how many entries were not stored and why, and how many queued entries of earlier commands were delivered.

        If standard output could not be written, also print how many entries were stored. If there was nothing to send, print
        that. Print what `find_waiting_elsewhere` has found. If no server has answered, recommend `udpnote doctor`.

        Return the exit code: REFUSED if an entry was refused or discarded, or a line could not be sent; else QUEUED if an entry
        is queued; else DONE.
        """
        sys.stdout.flush()
        if output_error() is not None:
            say(Notice("entries_stored", entries=self._stored))
        if self._delivered_earlier:
            say(Notice("queued_entries_delivered", entries=self._delivered_earlier))
        for (state, reason), entries in self._reasons.items():
            kind = {State.QUEUED: "entries_queued", State.REFUSED: "entries_refused"}.get(state, "entries_discarded")
            say(Notice(kind, entries=entries, reason=reason))
        if self._bad_lines > BAD_LINES_NAMED_MAX:
            say(Notice("more_lines_not_sent", lines=self._bad_lines - BAD_LINES_NAMED_MAX))
        if self._elsewhere is not None:
            say(self._elsewhere)
        exit_codes.recommend_doctor(reason for _, reason in self._reasons)
        if not self._stored and not self._reasons and not self._bad_lines:
            say(Notice("nothing_to_send"))
        if self._bad_lines or any(state is not State.QUEUED for state, _ in self._reasons):
            return exit_codes.REFUSED
        return exit_codes.QUEUED if self._reasons else exit_codes.DONE
