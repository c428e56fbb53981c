"""The options that several commands share."""

from typing import Annotated

import typer

LISTED_NOTES = 20
"""How many notes are listed if nobody says: what fits on a screen."""

FOLLOWED_ENTRIES = 10
"""How many of the latest entries `follow` shows first if nobody says: enough to know where one is."""

ENTRIES_MAX = 100_000
"""How many may be asked for: they are sorted in memory. `--all` has no limit."""

Server = Annotated[
    str | None, typer.Option("--server", metavar="HOST[:PORT]", help="Go to this server instead of searching the LAN.")
]
Port = Annotated[int | None, typer.Option("--port", metavar="PORT", help="The UDP port to search at.  [default: 6683]")]
NotebookId = Annotated[
    str | None, typer.Option("--notebook-id", metavar="NAME|ID", help="Which notebook, where there are several.")
]
Author = Annotated[str | None, typer.Option("--author", metavar="NAME", help="Who writes.  [default: user@host]")]
Wait = Annotated[
    float | None,
    typer.Option("--wait", metavar="SECONDS", help="How long to wait for an answer before it is queued.  [default: 5]"),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

AnswerWait = Annotated[
    float | None, typer.Option("--wait", metavar="SECONDS", help="How long to wait for an answer.  [default: 5]")
]
NotebookFile = Annotated[
    str | None, typer.Option("--notebook", metavar="FILE", help="Read this notebook's file, also beside its server.")
]

Limit = Annotated[
    int | None,
    typer.Option(
        "-n", metavar="NUMBER", min=1, max=ENTRIES_MAX, help=f"How many notes, the ones kept last.  [default: {LISTED_NOTES}]"
    ),
]
Since = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="Written at this time or later: 2026-11-23, 'last friday', 昨天.")
]
Until = Annotated[
    str | None, typer.Option("--until", metavar="TIME", help="Written by the end of this day, or before this time.")
]
On = Annotated[str | None, typer.Option("--on", metavar="DAY", help="Written on this day: 2026-11-23, yesterday, 'last week'.")]
By = Annotated[
    str | None, typer.Option("--author", metavar="NAME", help="Written by this author; what follows the @ may be left out.")
]
Tag = Annotated[
    list[str] | None, typer.Option("--tag", metavar="TAG", help="With this tag, with or without its #. May be repeated.")
]
All = Annotated[bool, typer.Option("--all", help="All notes, in the order in which they were kept.")]
Reverse = Annotated[bool, typer.Option("--reverse", help="The newest first.")]
