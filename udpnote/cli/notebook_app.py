"""The commands that read a notebook and revise what is in it: their options; the work is done in rooms of their own."""

from typing import Annotated, Any

import typer

from udpnote.cli.exit_codes import reporting
from udpnote.cli.options import (
    ENTRIES_MAX,
    FOLLOWED_ENTRIES,
    All,
    AnswerWait,
    Author,
    By,
    Json,
    Limit,
    NotebookFile,
    NotebookId,
    On,
    Port,
    Reverse,
    Server,
    Since,
    Tag,
    Until,
    Wait,
)

notebook_app = typer.Typer(rich_markup_mode="markdown")
"""Part of `udpnote.cli.app.app`."""

_Numbers = Annotated[list[str], typer.Argument(metavar="NUMBER...", help="The numbers of the notes, such as 42.")]
_Last = Annotated[
    int,
    typer.Option("-n", metavar="NUMBER", min=0, max=ENTRIES_MAX, help="How many of the latest entries to begin with."),
]


@notebook_app.command("list")
@reporting
def list_notes(
    limit: Limit = None,
    since: Since = None,
    until: Until = None,
    on: On = None,
    author: By = None,
    tag: Tag = None,
    is_all: All = False,
    reverse: Reverse = False,
    server: Server = None,
    port: Port = None,
    notebook_id: NotebookId = None,
    wait: AnswerWait = None,
    notebook: NotebookFile = None,
    as_json: Json = False,
) -> int:
    """List the latest notes, day by day, the newest last; `*` marks a revised one.

    In a pipe each note is a line, whole and with its date. If nothing is found, that is said, and the exit code is 0.

    Examples:

        udpnote list

        udpnote list --on yesterday --author lin

        udpnote list --all --tag milk | wc -l
    """
    from udpnote.cli.commands.list_search import list_notes
    from udpnote.cli.filters import Selection

    selection = Selection(limit, since, until, on, author, tag or [], is_all, reverse)
    return list_notes(_flags(server, port, notebook_id, wait), notebook, selection, as_json=as_json)


@notebook_app.command()
@reporting
def show(
    numbers: _Numbers,
    history: Annotated[bool, typer.Option("--history", help="All versions: what was written, revised and deleted.")] = False,
    server: Server = None,
    port: Port = None,
    notebook_id: NotebookId = None,
    wait: AnswerWait = None,
    notebook: NotebookFile = None,
    as_json: Json = False,
) -> int:
    """Show whole notes.

    Exit code 1: one of them is not there, or deleted; `--history` shows those, too.

    Examples:

        udpnote show 42

        udpnote show 42 43 --history
    """
    from udpnote.cli.commands.show import show

    return show(numbers, _flags(server, port, notebook_id, wait), notebook, has_history=history, as_json=as_json)


@notebook_app.command()
@reporting
def search(
    words: Annotated[list[str], typer.Argument(metavar="WORDS...", help='What to look for; quote a phrase: "oat milk".')],
    limit: Limit = None,
    since: Since = None,
    until: Until = None,
    on: On = None,
    author: By = None,
    tag: Tag = None,
    is_all: All = False,
    reverse: Reverse = False,
    server: Server = None,
    port: Port = None,
    notebook_id: NotebookId = None,
    wait: AnswerWait = None,
    notebook: NotebookFile = None,
    as_json: Json = False,
) -> int:
    """Find the notes in which all of the words occur, whatever their case.

    If nothing is found, that is said, and the exit code is 0.

    Examples:

        udpnote search milk

        udpnote search "oat milk" --since "last month"

        udpnote search 开会 --author lin
    """
    from udpnote.cli.commands.list_search import search
    from udpnote.cli.filters import Selection

    selection = Selection(limit, since, until, on, author, tag or [], is_all, reverse)
    return search(words, _flags(server, port, notebook_id, wait), notebook, selection, as_json=as_json)


@notebook_app.command()
@reporting
def follow(
    last: _Last = FOLLOWED_ENTRIES,
    author: By = None,
    tag: Tag = None,
    server: Server = None,
    port: Port = None,
    notebook_id: NotebookId = None,
    wait: AnswerWait = None,
    notebook: NotebookFile = None,
    as_json: Json = False,
) -> int:
    """Print entries as they are stored, revisions and deletions, too; Ctrl-C ends it.

    Examples:

        udpnote follow

        udpnote follow -n 0 --tag alarm
    """
    from udpnote.cli.commands.follow import follow

    flags = _flags(server, port, notebook_id, wait)
    return follow(flags, notebook, last=last, author=author, tags=tag or [], as_json=as_json)


notebook_app.command("tail", help="The same as `follow`.\n\nExamples:\n\n    udpnote tail -n 0\n")(follow)


@notebook_app.command()
@reporting
def edit(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="The number of the note, such as 42.")],
    text: Annotated[
        list[str] | None, typer.Argument(metavar="[TEXT]...", help="The new text; without it, your editor; -: standard input.")
    ] = None,
    server: Server = None,
    port: Port = None,
    notebook_id: NotebookId = None,
    author: Author = None,
    wait: Wait = None,
    as_json: Json = False,
) -> int:
    """Revise a note, in your editor ($VISUAL or $EDITOR) if no text is given; its history keeps the earlier texts.

    A deleted note comes back. Without a server the text is queued, as by `udpnote send`: exit code 75;
    where no notebook is known or named yet, nothing is: its number means something in one notebook only.

    Examples:

        udpnote edit 42

        udpnote edit 42 "buy oat milk"
    """
    from udpnote.cli.commands.edit_delete import edit

    flags = _flags(server, port, notebook_id, wait) | {"author": author}
    return edit(number, text or [], flags, as_json=as_json)


@notebook_app.command()
@reporting
def delete(
    numbers: _Numbers,
    server: Server = None,
    port: Port = None,
    notebook_id: NotebookId = None,
    author: Author = None,
    wait: Wait = None,
    as_json: Json = False,
) -> int:
    """Delete notes; their history keeps the texts, and `udpnote edit NUMBER` brings one back.

    Without a server that is queued, as by `udpnote send`: exit code 75; where no notebook is known or
    named yet, nothing is: a number means something in one notebook only.

    Examples:

        udpnote delete 42

        udpnote delete 42 43
    """
    from udpnote.cli.commands.edit_delete import delete

    return delete(numbers, _flags(server, port, notebook_id, wait) | {"author": author}, as_json=as_json)


@notebook_app.command()
@reporting
def tags(
    server: Server = None,
    port: Port = None,
    notebook_id: NotebookId = None,
    wait: AnswerWait = None,
    notebook: NotebookFile = None,
    as_json: Json = False,
) -> int:
    """List the tags in the notes, such as #milk, with how many notes have each.

    Examples:

        udpnote tags
    """
    from udpnote.cli.commands.tags_stats import tags

    return tags(_flags(server, port, notebook_id, wait), notebook, as_json=as_json)


@notebook_app.command()
@reporting
def stats(
    server: Server = None,
    port: Port = None,
    notebook_id: NotebookId = None,
    wait: AnswerWait = None,
    notebook: NotebookFile = None,
    as_json: Json = False,
) -> int:
    """Show how much the notebook holds, of whom, and on which days it was written.

    Examples:

        udpnote stats

        udpnote stats --notebook backup.sqlite3
    """
    from udpnote.cli.commands.tags_stats import stats

    return stats(_flags(server, port, notebook_id, wait), notebook, as_json=as_json)


def _flags(server: str | None, port: int | None, notebook_id: str | None, wait: float | None) -> dict[str, Any]:
    return {"server": server, "port": port, "notebook_id": notebook_id, "wait": wait}
