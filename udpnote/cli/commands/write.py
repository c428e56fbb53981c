"""`udpnote write`: sends each line that the user types at a prompt as an entry, and does what the prompt's commands ask for."""

import sys
from collections.abc import Callable
from contextlib import suppress

from udpnote.cli import exit_codes
from udpnote.cli.command_line.declared_command import DeclaredCommands
from udpnote.cli.options.added_tags import with_tags
from udpnote.cli.options.client_options import NO_OPTIONS
from udpnote.cli.options.declared import WritingClient
from udpnote.cli.options.number_ranges import parse_number
from udpnote.cli.prompt import Action, Prompt, parse_line, say_here
from udpnote.cli.prompt_background import BackgroundDelivery, DestinationLine, NotesOfOthers, count_waiting
from udpnote.cli.terminal.input_lines import next_line
from udpnote.cli.terminal.interruption import noticing_signals
from udpnote.cli.terminal.streams import text_encoding, typed_line
from udpnote.cli.terminal.text import line_for_writer
from udpnote.client.client import Client
from udpnote.client.sending.results import SentEntry
from udpnote.errors import Notice, Queued, UdpnoteError
from udpnote.model.entry import Kind
from udpnote.model.notebook import SilentServer
from udpnote.settings import load_settings
from udpnote.text.search_terms import parse_tag

PASTED_LINES_MAX = 9
"""How many pasted lines are stored without a question. Of more lines, the user may have wanted one note, or none."""

EDITED_CHARACTERS_MAX = 2000
"""A longer text is not edited at the prompt: a message says that `udpnote edit` opens it in an editor."""

app = DeclaredCommands()


@app.command(changes=True)
def write(options: WritingClient = NO_OPTIONS) -> int:
    """Write at a prompt: each line is an entry.

    `quit` or Ctrl-D ends it, `help` explains the keys. If you paste many lines, it asks whether each is an entry. Notes of
    others appear above the prompt as they are stored.

    A line that begins with `/` is a command: `/tag NAME` adds a tag to the lines that follow, `/edit` changes your last note,
    `/edit 42` note #42, and `/undo` takes back what you wrote last. `//` stores a line that begins with `/`.

    Examples:

        udpnote write
    """
    is_at_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    with options.client(on_delivered=_say_delivered) as client:
        earlier = next((each.entry.sequence for each in client.waiting(latest=1)), 0)
        destination = DestinationLine(client)
        sender = LineSender(client, destination, goes_on_after_ctrl_c=is_at_terminal)
        prompt = Prompt(load_settings().history) if is_at_terminal else None
        say_here(Notice("write_welcome" if is_at_terminal else "write_welcome_without_prompt"))
        destination.print_if_new()
        with BackgroundDelivery(client, destination):
            if prompt is None:
                _send_lines(sender)
            else:
                with NotesOfOthers(options, client):
                    _Dialogue(client, sender, prompt).run()
        waiting = count_waiting(client)
        is_queued = any(each.refused is None for each in client.waiting(first=earlier + 1))
    if waiting:
        say_here(Notice("write_waiting", entries=waiting))
    say_here(Notice("write_goodbye"))
    if prompt is None and sender.refused:  # nobody has read the messages: a script looks at the exit code
        return exit_codes.REFUSED
    return exit_codes.QUEUED if is_queued else exit_codes.DONE


def _send_lines(sender: "LineSender") -> None:
    """Send the lines of standard input, which is not a terminal, until a line is `quit` or the input ends."""
    with suppress(EOFError):
        while True:
            with noticing_signals():
                line = next_line(sys.stdin)
            if line.strip() == "quit":
                return
            if line.strip():
                sender.send(line)


def _line(sent: SentEntry) -> str:
    """A stored entry as one line, without a newline."""
    assert sent.number is not None, "a stored entry has a number"
    return line_for_writer(sent.number, sent.entry)


def _say_delivered(sent: SentEntry) -> None:
    """Print that an entry which was queued before was delivered."""
    say_here(Notice("write_delivered", line=_line(sent)))


class LineSender:
    """Sends what the user writes at the prompt, and prints the outcome of each entry.

    If several entries in a row are queued for the same reason, the reason is printed once. `last_number` is the number of the
    last note that was stored from this prompt, or 0 if it is not known. `sequences` are the sequence numbers of the entries
    written at this prompt. `refused` is how many texts were neither stored nor queued.
    """

    def __init__(self, client: Client, destination: DestinationLine, *, goes_on_after_ctrl_c: bool) -> None:
        self._client = client
        self._destination = destination
        self._goes_on_after_ctrl_c = goes_on_after_ctrl_c
        self._latest_reason: Notice | None = None
        self.last_number = 0
        self.sequences: set[int] = set()
        self.refused = 0

    def send(self, line: str) -> None:
        """Send `line` as a note, and print the outcome (see `run`)."""
        self.run(lambda: self._client.send(typed_line(line, text_encoding())))

    def run(self, send: Callable[[], SentEntry | None]) -> None:
        """Call `send` and print its outcome. Then print which notebook the lines go to, if that has changed.

        `send` returns the stored entry, or None if it has removed an entry from the outbox. An `UdpnoteError` that it raises is
        printed, and not raised. After Ctrl-C, stop waiting for the outcome, and print what that means. Then raise
        `KeyboardInterrupt` unless this object was made with `goes_on_after_ctrl_c`.
        """
        try:
            self._run(send)
            self._destination.print_if_new()
        except KeyboardInterrupt:
            say_here(Notice("write_interrupted"))
            if not self._goes_on_after_ctrl_c:
                raise

    def _run(self, send: Callable[[], SentEntry | None]) -> None:
        """Call `send`, print its outcome (see `run`), and bring `last_number`, `sequences` and `refused` up to date."""
        reason = None
        try:
            sent = send()
            if sent is None:
                say_here(Notice("undo_discarded"))
            else:
                self.sequences.add(sent.entry.sequence)
                if sent.entry.kind is Kind.NOTE:
                    self.last_number = sent.number or 0
                if sent.number is None:
                    say_here(Notice("write_stored_by_other_command"))
                else:
                    print(_line(sent), flush=True)
        except Queued as queued:
            self.sequences.add(queued.sequence)
            reason = queued.notice
            if reason == self._latest_reason:
                say_here(Notice("write_queued"))
            else:
                say_here(_queued_because(reason))
        except UdpnoteError as error:
            self.refused += 1
            say_here(Notice("write_refused", reason=error))
        self._latest_reason = reason


class _Dialogue:
    """Reads lines at `prompt`, sends them through `sender`, and obeys the commands among them, until the user ends the
    dialogue.
    """

    def __init__(self, client: Client, sender: LineSender, prompt: Prompt) -> None:
        self._client, self._sender, self._prompt = client, sender, prompt
        self._tags: list[str] = []
        self._has_explained_ctrl_c = False

    def run(self) -> None:
        """Read lines, send or obey each of them, and print the outcome, until a line or Ctrl-D ends the dialogue."""
        goes_on = True
        while goes_on:
            try:
                goes_on = self._take(self._ask())
            except EOFError:
                return
            except KeyboardInterrupt:
                self._explain_ctrl_c()

    def _ask(self) -> str:
        """Ask the user for a line, and return what is typed. Raises `EOFError` after Ctrl-D, and `KeyboardInterrupt` after
        Ctrl-C.
        """
        tags = " ".join(f"#{tag}" for tag in self._tags)
        prompt = Notice("write_tagged_prompt", tags=tags) if tags else Notice("write_prompt")
        return self._prompt.ask(str(prompt))

    def _explain_ctrl_c(self) -> None:
        """Say that Ctrl-C drops the line, as in a shell, and does not end the prompt. Say it only once."""
        if not self._has_explained_ctrl_c:
            say_here(Notice("write_line_dropped"))
        self._has_explained_ctrl_c = True

    def _take(self, text: str) -> bool:
        """Send the typed `text`, or obey it if it is a command of the prompt. Print the outcome. Return whether the dialogue
        goes on. Do nothing with a blank text.

        If `text` has several lines that are not blank, because the user has pasted them, none of them is a command.
        """
        lines = [line for line in text.split("\n") if line.strip()]
        if len(lines) > 1:
            for entry in self._pasted_entries(text, lines):
                self._store(entry)
            return True
        typed = parse_line(lines[0] if lines else "")
        match typed.action:
            case Action.QUIT:
                return False
            case Action.HELP:
                say_here(Notice("write_help", many=PASTED_LINES_MAX + 1))
            case Action.TAG:
                self._set_tags(typed.rest.split())
            case Action.EDIT:
                self._edit(typed.rest)
            case Action.UNDO:
                self._undo()
            case Action.UNKNOWN:
                say_here(_unknown(typed.rest))
            case Action.NOT_ALONE:
                say_here(Notice("write_command_not_alone", line=typed.rest, word=typed.rest.split()[0]))
            case Action.STORE if typed.rest.strip():
                self._store(typed.rest)
        return True

    def _store(self, text: str) -> None:
        """Send `text` as an entry, with the tags of the last `/tag`."""
        self._sender.send(with_tags(text, self._tags))

    def _pasted_entries(self, text: str, lines: list[str]) -> list[str]:
        """Return the entries in a pasted `text`. `lines` are its lines that are not blank: two or more.

        Up to `PASTED_LINES_MAX` lines are an entry each; this prints how many. If there are more, ask the user for the letter
        of a choice: each line is an entry (e), all are one entry (a), or none is stored (n).
        """
        if len(lines) <= PASTED_LINES_MAX:
            say_here(Notice("write_pasted", lines=len(lines)))
            return lines
        choice = ""
        while choice not in ("e", "a", "n"):
            question = str(Notice("write_how_to_store", lines=len(lines)))
            try:
                choice = self._prompt.ask(question, is_kept=False).strip().casefold()
            except KeyboardInterrupt:
                choice = "n"
        if choice == "n":
            say_here(Notice("write_pasted_dropped"))
            return []
        return lines if choice == "e" else [text.rstrip("\n")]

    def _set_tags(self, tags: list[str]) -> None:
        """From now on, add `tags` to each entry, in place of earlier tags. If `tags` is empty, add no tags any more. If one of
        `tags` is not a tag, print that, and change nothing.
        """
        for tag in tags:
            if not parse_tag(tag):
                say_here(Notice("tag_invalid", tag=tag))
                return
        self._tags = [tag.lstrip("#＃") for tag in tags]
        if not tags:
            say_here(Notice("write_no_tags"))

    def _edit(self, named: str) -> None:
        """Let the user change a note at the prompt, and send the new text. Without a change, send nothing.

        The note is the one with the number `named` or, if `named` is empty, the last one stored from this prompt. If there is
        no such note, or if it was erased, is deleted or is too long for the prompt, print a message instead.
        """
        from udpnote.cli.revision_sender import objection

        try:
            number = parse_number(named) if named else self._sender.last_number
            state = self._client.note_states([number]).get(number) if number else None
        except UdpnoteError as error:
            say_here(error.notice)
            return
        if state is None or state.latest.entry.kind is Kind.ERASED:
            say_here(objection(number, state) if number else Notice("write_nothing_to_edit"))
            return
        note, latest = state.note.number, state.latest
        if latest.entry.kind is Kind.DELETION or len(latest.text) > EDITED_CHARACTERS_MAX:
            say_here(Notice("write_edit_elsewhere", number=note))
            return
        try:
            text = self._prompt.ask(f"#{note}: ", is_kept=False, text=latest.text)
        except (KeyboardInterrupt, EOFError):
            text = ""
        if not text.strip() or text == latest.text:
            say_here(Notice("write_unchanged", number=note))
        else:
            self._sender.run(lambda: self._client.revise(note, text, seen=latest))

    def _undo(self) -> None:
        """Take back the user's last write if it was made at this prompt. If it was not, print how to take it back."""
        from udpnote.cli.revision_sender import undo_notice

        try:
            undo = self._client.plan_undo()
        except UdpnoteError as error:
            say_here(error.notice)
            return
        if undo.write.sequence not in self._sender.sequences:
            say_here(Notice("write_undo_elsewhere"))
            return
        say_here(undo_notice(undo))
        self._sender.run(lambda: self._client.undo(undo))


def _queued_because(reason: Notice) -> Notice:
    """Return the notice that an entry is queued for `reason`.

    A `reason` about a silent server recommends a command that sends the entry again. The notice leaves this out, because the
    prompt sends the entry again by itself. If another notebook has answered in the server's place, the notice has the whole
    `reason`.
    """
    server = reason.values.get("server")
    if isinstance(server, SilentServer) and server.another is None:
        return Notice("write_queued_in_silence", server=server)
    return Notice("write_queued_because", reason=reason)


def _unknown(line: str) -> Notice:
    """The notice that `line` begins with a command that the prompt does not have. If the shell has it, the notice says how to
    run it there.
    """
    from shlex import join  # here, because it is slow to import

    from udpnote.cli.command_line.command_table import COMMANDS
    from udpnote.cli.command_line.synonyms import command_called

    word, *rest = line.split()
    name = word[1:].casefold()
    command = name if name in COMMANDS else command_called(name)
    if command in (None, "send", "write"):
        return Notice("write_unknown_command", line=line, word=word)
    return Notice("write_command_of_shell", line=line, word=word, command=join(["udpnote", str(command), *rest]))
