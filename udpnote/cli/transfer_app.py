"""The commands that export and import: their options; the work is done in rooms of their own."""

from typing import Annotated, Any, Literal

import typer

from udpnote.cli.exit_codes import reporting
from udpnote.cli.options import AnswerWait, By, Json, NotebookFile, NotebookId, On, Port, Server, Since, Tag, Until

transfer_app = typer.Typer(rich_markup_mode="markdown")
"""Part of `udpnote.cli.app.app`."""


@transfer_app.command()
@reporting
def export(
    form: Annotated[
        Literal["jsonl", "markdown", "text"] | None,
        typer.Option("--format", help="What to write.  [default: as FILE's name ends, else jsonl]"),
    ] = None,
    output: Annotated[
        str | None, typer.Option("-o", "--output", metavar="FILE", help="Where to.  [default: standard output]")
    ] = None,
    since: Since = None,
    until: Until = None,
    on: On = None,
    author: By = None,
    tag: Tag = None,
    server: Server = None,
    port: Port = None,
    notebook_id: NotebookId = None,
    wait: AnswerWait = None,
    notebook: NotebookFile = None,
) -> int:
    """Write all notes, or some, to a file or to standard output.

    `jsonl` is complete, with every revision and deletion, and can be imported. `markdown` and `text` are the notes as they
    are now; `text` is the old notebook's own format.

    FILE is replaced when all is written: an export cut short leaves nothing.

    Examples:

        udpnote export -o notes.jsonl

        udpnote export --since "last month" -o notes.md

        udpnote export --format text | less
    """
    from udpnote.cli.commands.export import export
    from udpnote.cli.filters import Selection

    selection = Selection(None, since, until, on, author, tag or [], is_all=True, is_reversed=False)
    return export(_flags(server, port, notebook_id, wait), notebook, selection, form=form, output=output)


@transfer_app.command("import")
@reporting
def import_file(
    file: Annotated[str, typer.Argument(metavar="FILE", help="What was exported; -: standard input.")],
    author: Annotated[
        str | None, typer.Option("--author", metavar="NAME", help="Who wrote a text file.  [default: user@host]")
    ] = None,
    server: Server = None,
    port: Port = None,
    notebook_id: NotebookId = None,
    wait: AnswerWait = None,
    notebook: Annotated[
        str | None,
        typer.Option(
            "--notebook", metavar="FILE", help="Into this notebook's file, which no server may have; made if need be."
        ),
    ] = None,
    as_json: Json = False,
) -> int:
    """Import what `udpnote export` wrote, or the old notebook's text file; what is there already is not added again.

    Entries keep their times, authors and order. Exit code 1: something in the file is not in the notebook now; it is said what.

    Examples:

        udpnote import notes.jsonl

        udpnote import --author lin old-notebook.txt
    """
    from udpnote.cli.commands.import_ import import_file

    return import_file(file, _flags(server, port, notebook_id, wait), notebook, author=author, as_json=as_json)


def _flags(server: str | None, port: int | None, notebook_id: str | None, wait: float | None) -> dict[str, Any]:
    return {"server": server, "port": port, "notebook_id": notebook_id, "wait": wait}
