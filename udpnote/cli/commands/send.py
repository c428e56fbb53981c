"""`udpnote send`: sends one entry, or the lines of standard input.

A `send` without options starts without this module: `udpnote.cli.main` calls `entry_sender` at once.
"""

from typing import Annotated

from udpnote.cli.command_line.declared_command import Argument, DeclaredCommands, Option
from udpnote.cli.entry_sender import Additions, send_edited, send_words_or_input
from udpnote.cli.options.client_options import NO_OPTIONS
from udpnote.cli.options.declared import Json, WritingClient

WrittenAt = Annotated[
    str | None, Option("--at", metavar="TIME", help="When the entry was written: yesterday, '3 hours ago', 昨天上午.")
]
AddedTags = Annotated[
    list[str] | None, Option("--tag", metavar="TAG", help="Add this tag, unless the text has it. May be repeated.")
]

app = DeclaredCommands()


@app.command(takes_text=True, changes=True)
def send(
    text: Annotated[
        list[str] | None, Argument(metavar="[TEXT]...", help="The entry; without it, or for -, standard input.")
    ] = None,
    whole: Annotated[bool, Option("--whole", help="All of standard input is one entry, not one per line.")] = False,
    edit: Annotated[bool, Option("--edit", help="Write the entry in your editor ($VISUAL or $EDITOR).")] = False,
    at: WrittenAt = None,
    tags: AddedTags = None,
    options: WritingClient = NO_OPTIONS,
    as_json: Json = False,
) -> int:
    """Send one entry, or each line of standard input.

    Options stand before the text. Write `--` before a text that has one of them as a word. Put a text with a tag
    into quotes: for the shell, a word that begins with `#` begins a comment.

    With `--edit`, the editor opens with TEXT, if there is one, and what you save is one entry. If you change nothing, nothing
    is sent. If the entry cannot be sent, the message names the file that keeps it. `--at` may not be in the future. A day
    without a time means noon.

    An entry is first saved in the outbox on this machine, so that it cannot get lost. Exit code 0: it is stored in the
    notebook. 75: it is queued; the next `udpnote send` or `udpnote outbox --send` sends it again.

    Examples:

        udpnote send "buy milk"

        udpnote send 今天开会

        make 2>&1 | udpnote send

        udpnote send --whole < letter.txt

        udpnote send --at "yesterday 18:30" --tag weather "-5 degrees outside"

        udpnote send -- git log --author lin
    """
    additions = _additions(at, tags or [])
    if edit:
        return send_edited(text or [], options, additions, is_whole=whole, as_json=as_json)
    return send_words_or_input(text or [], options, additions, is_whole=whole, as_json=as_json)


def _additions(at: str | None, tags: list[str]) -> Additions:
    """Return the `Additions` for the values of `--at` and `--tag`. Raises `InvalidSetting` if one of them is wrong."""
    written = None
    if tags:
        from udpnote.cli.options.added_tags import check_tags

        check_tags(tags)
    if at is not None:
        from udpnote.cli.options.times import writing_time
        from udpnote.machine.clock import wall_seconds

        written = writing_time(at, wall_seconds())
    return Additions(written, tags)
