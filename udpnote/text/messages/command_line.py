"""The sentences of commands: about options and arguments that cannot be used, and about files, editors and terminals."""

from collections.abc import Sequence

from udpnote.text.joining import all_of, any_of, in_sentences
from udpnote.text.language import gettext as _
from udpnote.text.messages.forms import Counted, Sentence

WORD_CHARACTERS_MAX = 60
"""The most characters of a wrong word that a message about a wrong command line shows."""


def _revision_overtaken(number: int, note: int, by_number: int, by_author: str, is_deleted: bool) -> str:
    """The user's revision `number` of `note` was replaced by the version `by_number`, which is a deletion if `is_deleted`."""
    if is_deleted:
        sentence = _(
            "{author} has deleted note #{note} with #{by_number}, without having seen your revision #{number}. Your "
            "text is kept: `udpnote show {note} --history` shows it"
        )
    else:
        sentence = _(
            "{author} has replaced your revision #{number} of note #{note} with #{by_number}, without having seen your "
            "revision. Both texts are kept: `udpnote show {note} --history` shows them"
        )
    return sentence.format(author=by_author, number=number, note=note, by_number=by_number)


def _others_version_overtaken(note: int, number: int, author: str, is_deletion: bool, is_deleted_now: bool) -> str:
    """`author` has written the version `number` of `note`, and the user has just replaced it without having seen it.

    `is_deletion` says that `author` has deleted the note, and `is_deleted_now` that the user has.
    """
    if is_deletion:
        change = _("meanwhile {author} had deleted note #{note} too, with #{number}")
    else:
        change = _("meanwhile {author} had revised note #{note} too, with #{number}")
    if is_deleted_now:
        outcome = _("The note is deleted now; `udpnote show {note} --history` shows both changes")
    else:
        outcome = _("The note has your text now; `udpnote show {note} --history` shows both changes")
    return in_sentences(change.format(author=author, note=note, number=number), outcome.format(note=note))


def _time_unclear(text: str, forms: Sequence[str]) -> str:
    return _("which time is {text!r}? Write {forms}").format(text=text, forms=any_of(map(repr, forms)))


def _day_of_other_weekday(day: str, weekday: int) -> str:
    from udpnote.text.writing_days import weekday_name  # here, because this happens seldom

    return _("{day} is a {weekday}").format(day=day, weekday=weekday_name(weekday))


def _start_of(word: str) -> str:
    """The beginning of a wrong `word`, which may be as long as a note: somebody may type one in the place of a command."""
    return word if len(word) <= WORD_CHARACTERS_MAX else f"{word[:WORD_CHARACTERS_MAX]}…"


def _command_unknown(command: str, word: str) -> str:
    if command == "udpnote":
        return _("there is no command '{word}'").format(word=_start_of(word))
    return _("{command} has no command '{word}'").format(command=command, word=_start_of(word))


def _word_superfluous(command: str, word: str) -> str:
    return _("{command} takes no argument '{word}'").format(command=command, word=_start_of(word))


def _value_not_whole(name: str, value: str) -> str:
    return _("{name} must be a whole number, not '{value}'").format(name=name, value=_start_of(value))


def _value_not_a_number(name: str, value: str) -> str:
    return _("{name} must be a number, not '{value}'").format(name=name, value=_start_of(value))


def _value_not_a_choice(name: str, value: str, choices: Sequence[str]) -> str:
    return _("{name} must be {choices}, not '{value}'").format(name=name, choices=any_of(choices), value=_start_of(value))


def _value_out_of_range(name: str, value: str, smallest: int, largest: int | None) -> str:
    """`largest` is None if the value may be as large as one likes."""
    if largest is None:
        sentence = _("{name} must be at least {smallest:,}, not {value}")
    else:
        sentence = _("{name} must be from {smallest:,} to {largest:,}, not {value}")
    return sentence.format(name=name, smallest=smallest, largest=largest, value=_start_of(value))


def _option_of_other_commands(option: str, commands: Sequence[str]) -> str:
    return _("{option} is an option of {commands}").format(option=option, commands=all_of(commands))


SENTENCES: dict[str, Sentence] = {
    "ask_the_doctor": "`udpnote doctor` finds out why nothing answers",
    # the machine
    "clock_too_late": (
        "nothing was done: this machine's clock shows the year {year}, and udpnote works only until the year 2262. Set the "
        "clock, for example with `timedatectl set-ntp true`, and run the command again"
    ),
    # a wrong command line, and what was likely meant
    "command_unknown": _command_unknown,
    "option_unknown": "{command} has no option {option}",
    "option_takes_no_value": "{option} takes no value, but '{value}' stands with it",
    "option_value_missing": "{option} needs a value, {metavar}, but the command line ends after it",
    "option_in_other_dashes": "an option begins with the dash -, not with that of {word}",
    "other_dashes_in_text": (
        "nothing is sent, because {word} in the text looks like the option {option}. If you mean the option, write it "
        "before the text: `udpnote {command} {option} … TEXT`. If it belongs to the text, write -- before the text: "
        "`udpnote {command} -- TEXT`"
    ),
    "argument_missing": "{command} needs {metavar}",
    "word_superfluous": _word_superfluous,
    "value_in_other_quotes": "{name}: the quotation marks of shells are \" and ', not those of {value}",
    "value_not_whole": _value_not_whole,
    "value_not_a_number": _value_not_a_number,
    "value_out_of_range": _value_out_of_range,
    "value_not_a_choice": _value_not_a_choice,
    "command_line_meant": "you probably mean: `{line}`",
    "command_line_example": "for example: `{line}`",
    "undo_takes_no_number": (
        "`udpnote undo` takes back your last write and, if you run it again, the one before. To change note #{number}, use "
        "`udpnote edit {number}` or `udpnote delete {number}`"
    ),
    "help_is_in": "for help: `{line}`",
    "option_of_other_commands": _option_of_other_commands,
    # options and arguments
    "accept_old_invalid": "--accept-old must be a duration of at most a year, such as 30m, 12h or 3d, not {text!r}",
    "code_and_key_file": "both a join code and --key-file were given: use only one of them",
    "author_filter_empty": "--author is empty: name an author, or leave the option out",
    "export_ending_unknown": (
        "nothing is exported: the ending {ending} of {path} belongs to no format. Use .jsonl, .md, .txt, .csv or .html, or "
        "name the file's format with --format"
    ),
    "notebook_is_a_file": (
        "--notebook names a notebook by its name or id, but {path} is a file. Commands that read can open it with --file {path}"
    ),
    "file_and_server": "--file opens a file, but {option} is for a server: use only one of them",
    "option_without_to": "{option} works only together with `--to`, which is missing",
    "changes_not_moved": Counted(
        "changes",
        "1 edit or deletion was not moved, because its number means another note in the other notebook. It still waits "
        "for its own notebook: `udpnote outbox --discard SEQUENCE` removes it",
        "{changes:,} edits and deletions were not moved, because their numbers mean other notes in the other notebook. They "
        "still wait for their own notebook: `udpnote outbox --discard SEQUENCE` removes one",
    ),
    "limit_and_all": "--all shows everything, -n only a part of it: use only one of these options",
    "numbers_without_spaces": "{text!r} is not one number. Write several numbers with spaces between them: {meant}",
    "not_an_entry_number": "{text!r} is not the number of an entry: write 42 or '#42'",
    "option_in_text": (
        "nothing is sent: {option} is in the text, but options stand before the text. If it belongs to the text, write -- "
        "before the text: `udpnote {command} -- TEXT`"
    ),
    "text_after_input_sign": (
        "nothing is sent: - stands for standard input, but a text follows it. To send - as text, write -- before the text: "
        "`udpnote {command} -- - TEXT`"
    ),
    "unseen_deletion": (
        "the deletion of #{number} is queued. udpnote could not ask the server whether #{number} is only a version of a note: "
        "if it is, the whole note will be deleted. To prevent that, look for the deletion in `udpnote outbox`, and run "
        "`udpnote outbox --discard SEQUENCE`"
    ),
    "revision_empty": "the text is empty: #{number} stays as it is; `udpnote delete {number}` deletes it",
    "tag_filter_invalid": "--tag: {tag!r} is not a tag: write one such as milk, '#v1.9' or work/home, and for two tags give "
    "--tag twice",
    "no_join_code": "no join code was given, so nothing was joined: run the command again with the code",
    "text_file_is_output": "--text-file needs a name other than -: the server prints each entry to standard output anyway",
    "timeout_out_of_range": "--timeout must be more than 0 and at most {seconds_max} seconds, not {seconds:g}",
    # times
    "no_such_time": "there is no such time as {text!r} ({problem})",
    "number_of_no_time": "the calendar or the clock has no such number",
    "too_many_years_back": "that is too many years",
    "day_of_other_weekday": _day_of_other_weekday,
    "part_of_day_without_time": "{part} has no {time}",
    "hour_of_half_day_invalid": "with am or pm, the hour must be in 1..12",
    "time_skipped_by_clocks": "the clocks were put forward and skipped it",
    "offset_from_utc_invalid": "an offset from UTC is written like this: +08:00",
    "on_and_range": "--on alone sets the beginning and the end: use it without --since and --until",
    "on_needs_a_day": "--on: {text!r} is a moment, but --on takes a span of time, such as a day: use --since and --until",
    "time_not_understood": "{text!r} is not a time that udpnote understands: write for example 2026-11-23, "
    "'2026-11-23 07:52', yesterday, 'last friday', '3 hours ago' or 昨天",
    "time_option": "{option}: {problem}",
    "time_unclear": _time_unclear,
    "time_zone_unknown": "which time zone is {zone} in {text!r}? Write its offset from UTC instead, as in '{local} +08:00'",
    "time_range_empty": "--since {since!r} is not earlier than --until {until!r}: no note can be between them",
    # completion
    "completion_installed": "completion for {shell} is installed in {path}: start a new {shell}",
    "completion_not_installed": (
        "completion was not installed: udpnote was not started by bash, zsh, fish or PowerShell, the only shells that it knows"
    ),
    # standard input and output
    "type_an_entry": "type the entry; Ctrl-D ends it",
    "type_entries": "type entries, one per line; Ctrl-D ends them",
    "type_a_text": "type the text; Ctrl-D ends it",
    "input_in_other_encoding": "nothing is sent: the input is {encoding}, or no text at all. Convert it first, for example "
    "with `iconv -f {encoding} -t UTF-8`",
    "input_cut_short": (
        "standard input could not be read to its end ({problem}). What was read until then is sent, and the rest is not"
    ),
    "input_too_long": "the input is longer than the longest entry ({bytes_max:,} bytes): split it",
    "line_not_sent": "line {line:,} is not sent: {problem}",
    "nul_in_line": "byte {position:,} is NUL, which no text has: remove it, for example with `tr -d '\\0'`",
    "not_utf8": "byte {position:,} (0x{byte:02x}) is not valid UTF-8: convert the text first, for example with "
    "`iconv -f GB18030 -t UTF-8`",
    "not_in_encoding": (
        "byte {position:,} (0x{byte:02x}) is not valid in the encoding of the locale, {encoding}: convert the text to "
        "{encoding} first"
    ),
    "utf8_in_other_locale": "the text is UTF-8, but the encoding of the locale is {encoding}: write "
    "`env LC_ALL=C.UTF-8` before `udpnote`",
    "text_beyond_encoding": (
        "the text has the character {character}, which the encoding of the locale, {encoding}, does not have: write `env "
        "LC_ALL=C.UTF-8` before `udpnote`"
    ),
    "change_not_printed": "not everything could be printed ({problem}), but the command has done all of its work",
    "not_all_printed": "not everything could be printed ({problem})",
    "output_not_written": (
        "cannot write to standard output ({problem}), so not all results are printed. Run the command again when the output "
        "can be written"
    ),
    "command_cut_short": "the command ended early, because of an error of the system ({problem}): `udpnote outbox` shows what "
    "is not sent",
    "command_cut_short_at_file": "the command ended early, because it cannot use {path} ({problem}): `udpnote outbox` shows "
    "what is not sent",
    # backups
    "backup_is_stream": "a backup is read back and checked, so it must be a file: name one other than -",
    # sealing
    "open_already": "nothing was done: {path} is not sealed",
    "open_without_key": "{path} is not sealed, so it has no key: `udpnote seal` seals it",
    "sealed_already": "{path} is sealed already: `udpnote key show` prints its join code",
    "sealing_while_served": "a server uses {path}: stop the server first, then run the command again",
    # the outbox
    "key_not_named": Counted(
        "entries",
        "1 entry stays in the outbox, because it was written with a join code in UDPNOTE_KEY that is not there now. Set "
        "UDPNOTE_KEY to that code, and run the command again",
        "{entries:,} entries stay in the outbox, because they were written with a join code in UDPNOTE_KEY that is not there "
        "now. Set UDPNOTE_KEY to that code, and run the command again",
    ),
    # the prompt
    "history_not_kept": "cannot write {path} ({problem}): the prompt will not remember your lines",
    # the editor
    "editor_does_not_wait": "the editor {editor!r} returns before you have written: set {variable}='{editor} {wait_option}'",
    "editor_ended_without_change": (
        "nothing is sent, because {editor} ended without a change of the text. If its window is still open, set "
        "{variable} to {editor} with the option that makes it wait"
    ),
    "editor_missing": "the editor {editor!r} is not installed: set {variable} to another one, or give the text as an argument",
    "editor_not_started": (
        "cannot start the editor {editor!r} ({problem}): set {variable} to another one, or give the text as an argument"
    ),
    "editor_not_understood": (
        "the command for the editor, {editor!r}, cannot be read: a quotation mark in it is not closed, or it ends with a "
        "backslash. Set {variable} to another command, or give the text as an argument"
    ),
    "editor_without_terminal": "the editor {editor} needs a terminal, and there is none: give the new text as an argument, or "
    "- and the text on standard input",
    "no_editor": "no editor was found: set {variable}, or give the text as an argument",
    "edited_file_irregular": (
        "nothing is sent: the editor has put a folder, a pipe or a device in the place of its file, so udpnote cannot read "
        "your text. Run the command again, and save the text under the file's own name"
    ),
    "text_kept": "your text is kept in {path}",
    "text_left_behind": (
        "a text that you edited earlier was not sent. It is in {path}: delete that file when you no longer need the text"
    ),
    # long work
    "entries_done": Counted("entries", "{entries:,} entry, {rate:,.0f}/s", "{entries:,} entries, {rate:,.0f}/s"),
    # searching
    "index_being_built": "the search index is being built: the search waits for it",
    "index_percentage": "the search index is being built: {percent} %",
    # revisions
    "editor_without_server": (
        "{problem}. The editor needs the note's text, which the server has. Without the server, give the new text: "
        "`udpnote edit {number} TEXT`"
    ),
    "version_edited": "#{number} is a version of note #{note}, which gets the new text",
    "version_not_deleted": (
        "nothing is deleted: #{number} is only a version of note #{note}. `udpnote delete {note}` deletes the note. "
        "`udpnote show {note} --history` shows its versions"
    ),
    "others_version_overtaken": _others_version_overtaken,
    "revision_overtaken": _revision_overtaken,
}
