"""The sentences of commands: about options and arguments that cannot be used, and about files, editors and terminals."""

from collections.abc import Callable


def _revision_overtaken(number: int, note: int, by_number: int, by_author: str, is_deleted: bool) -> str:
    change = "deleted" if is_deleted else "replaced"
    return (
        f"{by_author} has {change} your revision #{number} of #{note} without having seen it, by #{by_number}: "
        f"`udpnote show {note} --history` has both"
    )


def _key_not_named(entries: int) -> str:
    written = "1 entry was" if entries == 1 else f"{entries:,} entries were"
    return f"{written} written for a key that is not named now: name that key with UDPNOTE_KEY"


def _others_version_overtaken(note: int, number: int, author: str, is_deletion: bool, is_deleted_now: bool) -> str:
    change = "deleted it by" if is_deletion else "revised it as"
    outcome = "it is deleted now" if is_deleted_now else "yours shows now"
    return f"meanwhile {author} had {change} #{number}; {outcome}, both are in `udpnote show {note} --history`"


SENTENCES: dict[str, str | Callable[..., str]] = {
    # options and arguments
    "accept_old_invalid": "--accept-old must be a length of time of at most a year, such as 30m, 12h or 3d, not {text!r}",
    "code_and_key_file": "a join code and --key-file were given: use one of them",
    "author_filter_empty": "--author is empty: name an author, or leave the option out",
    "file_and_server": "--notebook reads a file, but {option} is for a server: use one of them",
    "limit_and_all": "--all means all notes, -n only some: use one of them",
    "not_an_entry_number": "{text!r} is not the number of an entry: write 42 or '#42'",
    "tag_filter_invalid": "--tag: {tag!r} is not a tag: write for example milk or '#milk'",
    "no_join_code": "no join code was given: nothing was joined",
    "timeout_out_of_range": "--timeout must be more than 0 and at most {seconds_max} seconds, not {seconds:g}",
    # times
    "no_such_time": "{text!r} is not in the calendar ({problem})",
    "no_such_week": "{text!r} is not a week of the calendar ({problem})",
    "on_and_range": "--on names a whole day: use it without --since and --until",
    "on_needs_a_day": "--on: {text!r} is a time of day, not a day: use --since and --until",
    "time_ambiguous": "{text!r} can be read in two ways: write the year first, as in 2026-11-23",
    "time_not_understood": "{text!r} is not a time that udpnote understands: write for example 2026-11-23, "
    "'2026-11-23 07:52', yesterday, 'last friday', '3 hours ago' or 昨天",
    "time_option": "{option}: {problem}",
    "time_range_empty": "no time is between --since {since!r} and --until {until!r}: the first must be earlier",
    # standard input and output
    "input_cut_short": "the input could not be read to its end ({problem})",
    "input_too_long": "the input is longer than an entry can be ({bytes_max:,} bytes): split it",
    "line_not_sent": "line {line:,} is not sent: {problem}",
    "not_utf8": "byte {position:,} (0x{byte:02x}) is not valid UTF-8: convert the text first, for example with "
    "`iconv -f GB18030 -t UTF-8`",
    "output_not_written": "cannot write the output ({problem}): the command has done its work, but not printed all results",
    # sealing
    "open_already": "{path} is open already",
    "open_without_key": "{path} is open, so it has no key: `udpnote seal` seals it",
    "sealed_already": "{path} is sealed already: `udpnote key show` prints its join code",
    "sealing_while_served": "a server uses {path}: stop it first",
    # the outbox
    "key_not_named": _key_not_named,
    # importing
    "bad_import_line": "line {line:,}: {problem}",
    "import_line_too_long": "the line has more than {bytes_max:,} bytes, and no entry is that long",
    "not_imported": "not imported: {problem}",
    # the prompt
    "history_not_kept": "cannot write {path} ({problem}): the prompt will not remember your lines",
    # the editor
    "editor_missing": "the editor {editor!r} is not installed: set EDITOR to another one, or give the text as an argument",
    "editor_not_started": "cannot start the editor {editor!r} ({problem}): set EDITOR to another one, or give the text as an "
    "argument",
    "editor_not_understood": "the command for the editor, {editor!r}, cannot be read ({problem}): set EDITOR to another one, "
    "or give the text as an argument",
    "no_editor": "no editor was found: set EDITOR, or give the text as an argument",
    "text_kept": "your text is kept in {path}",
    # searching
    "index_being_built": "the search index is being built: the search waits for it",
    "index_percentage": "the search index is being built: {percent} %",
    # revisions
    "editor_without_server": "{problem}. Without the server, give the text: `udpnote edit {number} TEXT`",
    "others_version_overtaken": _others_version_overtaken,
    "revision_overtaken": _revision_overtaken,
}
