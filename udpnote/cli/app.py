"""The `udpnote` command with its subcommands. It imports only the module of the subcommand that is called."""

import shutil
from importlib import import_module
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from udpnote.version import __version__

HELP = "A notebook for the LAN: type a line on any machine; it is stored, exactly once, on the notebook's host."


class Command(NamedTuple):
    """A subcommand as `udpnote --help` lists it, and the module to import when it is called.

    `module` is the last part of the name of its module, which is in `udpnote.cli.commands` and has the subcommand in a typer
    app called `app`. `udpnote --help` lists the subcommand under the heading `group`, with the line `help`.
    """

    module: str
    group: str
    help: str


BOXED_HELP_CELLS = 80
"""On a narrower terminal the help comes without boxes and columns, in which the names of options would be cut."""

_TRY, _WRITE, _READ, _CHOOSE, _HOST = "Try it", "Write", "Read", "Find and choose notebooks", "Host a notebook"
COMMANDS = {
    "demo": Command("demo", _TRY, "Show on this machine alone how udpnote works on a bad network."),
    "bench": Command("bench", _TRY, "Measure how fast udpnote is on this machine and this LAN."),
    "send": Command("send", _WRITE, "Send one entry, or each line of standard input."),
    "write": Command("write", _WRITE, "Write at a prompt: each line is an entry."),
    "edit": Command("edit_delete", _WRITE, "Revise a note."),
    "delete": Command("edit_delete", _WRITE, "Delete notes."),
    "outbox": Command("outbox", _WRITE, "Show, move or deliver the entries that are still queued."),
    "import": Command("import_", _WRITE, "Import notes from a file."),
    "list": Command("list_search", _READ, "List the latest notes."),
    "search": Command("list_search", _READ, "Search for the notes that contain all of the words."),
    "show": Command("show", _READ, "Show whole notes, or their history."),
    "follow": Command("follow", _READ, "Print entries as they are stored."),
    "tail": Command("follow", _READ, "The same as follow."),
    "tags": Command("tags_stats", _READ, "List the tags, and how many notes have each."),
    "stats": Command("tags_stats", _READ, "Show how many notes, authors, tags and days the notebook has."),
    "export": Command("export", _READ, "Write notes to a file or to standard output."),
    "find": Command("find_use", _CHOOSE, "List the notebooks that answer on this LAN."),
    "status": Command("status", _CHOOSE, "Show which notebook is meant, and why, and whether it answers."),
    "use": Command("find_use", _CHOOSE, "Choose the notebook that entries go to, or show the choice."),
    "join": Command("join_leave", _CHOOSE, "Join a sealed notebook by its join code."),
    "leave": Command("join_leave", _CHOOSE, "Leave a sealed notebook: forget its key."),
    "serve": Command("serve", _HOST, "Host a notebook: receive entries from the LAN."),
    "seal": Command("seal_key", _HOST, "Seal an open notebook: only machines with its key can use it."),
    "unseal": Command("seal_key", _HOST, "Make a sealed notebook open: everybody on the LAN can use it."),
    "service": Command("service", _HOST, "Serve at boot, with systemd: install, uninstall, status."),
    "key": Command("seal_key", _HOST, "Show or change the key of a sealed notebook."),
    "backup": Command("backup_restore", _HOST, "Make a backup of a notebook, also while its server runs."),
    "restore": Command("backup_restore", _HOST, "Put a backup in the place of a notebook."),
}


class _Subcommands(TyperGroup):
    """The group of all subcommands. It knows each of them only as a row of `COMMANDS`, and imports the one that is called."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        for name, (_, group, text) in COMMANDS.items():
            self.commands[name] = TyperCommand(name, help=text, rich_help_panel=group)
        _fit_help(self)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the name of the subcommand that `args[0]` names, the subcommand itself, and the rest of `args`.

        The subcommand's module is imported now. If there is no such subcommand, raises the usage error of typer, which ends the
        command.
        """
        name, found, rest = super().resolve_command(ctx, args)
        return name, found and load(args[0]), rest


def load(name: str) -> Any:
    """Import the module of the subcommand `name`, a key of `COMMANDS`, and return its typer command with all options."""
    module = import_module(f"udpnote.cli.commands.{COMMANDS[name].module}")
    command = typer.main.get_group(module.app).commands[name]
    _fit_help(command)
    return command


def _fit_help(command: Any) -> None:
    """If the terminal is narrower than `BOXED_HELP_CELLS`, let the help of `command` and of its subcommands have no boxes.

    The first paragraph of a subcommand's help is then shown whole in the list of subcommands.
    """
    if shutil.get_terminal_size().columns < BOXED_HELP_CELLS:
        command.rich_markup_mode = None
        command.short_help = (command.help or "").split("\n\n")[0]
        for each in getattr(command, "commands", {}).values():
            _fit_help(each)


app = typer.Typer(
    name="udpnote",
    cls=_Subcommands,
    help=HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(is_given: bool) -> None:
    if is_given:
        print(f"udpnote {__version__}")
        raise typer.Exit()


@app.callback(help=HELP)
def _udpnote(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    pass
