"""The options that several commands share."""

from typing import Annotated

from udpnote.cli.command_line.declared_command import Argument, Option, OptionGroup
from udpnote.cli.options.client_options import ClientOptions

ENTRIES_MAX = 100_000
"""The largest number for `-n`, because the command holds all these entries in memory. `--all` has no limit."""

Server = Annotated[
    str | None, Option("--server", metavar="HOST[:PORT]", help="Use this server instead of discovery on the LAN.")
]
Port = Annotated[int | None, Option("--port", metavar="PORT", help="The server's UDP port.  [default: 6683 to 6686]")]
NotebookName = Annotated[str | None, Option("--notebook", metavar="NAME|ID", help="Which notebook, where there are several.")]
Author = Annotated[str | None, Option("--author", metavar="NAME", help="The name under which you write.  [default: user@host]")]
AnswerWait = Annotated[float | None, Option("--wait", metavar="SECONDS", help="How long to wait for an answer.  [default: 5]")]
Wait = Annotated[
    float | None,
    Option("--wait", metavar="SECONDS", help="How long to wait for an answer. After that, entries stay queued.  [default: 5]"),
]

ReadingClient = Annotated[ClientOptions, OptionGroup(server=Server, port=Port, notebook=NotebookName, wait=AnswerWait)]
"""The options of a command that reads a notebook through its server."""

WritingClient = Annotated[ClientOptions, OptionGroup(server=Server, port=Port, notebook=NotebookName, author=Author, wait=Wait)]
"""The options of a command that sends entries."""

NamingClient = Annotated[ClientOptions, OptionGroup(server=Server, port=Port, notebook=NotebookName)]
"""The options of a command that only asks which notebook is meant, and how fast its server answers."""

FindingClient = Annotated[ClientOptions, OptionGroup(server=Server, port=Port)]
"""The options of a command that looks for notebooks."""

NotebookFile = Annotated[
    str | None,
    Option("--file", metavar="FILE", help="Read the notebook from this file, not from its server, which may be running."),
]
Name = Annotated[str | None, Option("--name", metavar="NAME", help="The notebook's name.  [default: this host's name]")]
ListeningPort = Annotated[
    int | None,
    Option("--port", metavar="PORT", help="The UDP port to listen on.  [default: the first free of 6683 to 6686]"),
]
ServedFile = Annotated[
    str | None,
    Option("--file", metavar="FILE", help="The notebook's file.  [default: in the user's data directory]"),
]
Numbers = Annotated[
    list[str], Argument(metavar="NUMBER...", help="The numbers of the notes: 42, 1-3, or 10- for all from #10 on.")
]
Json = Annotated[bool, Option("--json", help="Print one JSON object per line, for programs.")]

NoPager = Annotated[bool, Option("--no-pager", help="Print long output on the terminal, not in $PAGER.")]
