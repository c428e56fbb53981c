"""The table of the commands. Only the module of the command that is called is imported."""

from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple

from udpnote.cli.command_line.declared_command import DeclaredCommand, DeclaredCommands
from udpnote.text.language import marked

HELP = """A notebook for the LAN: type a line on any machine; it is stored, exactly once, on the notebook's host.

To begin, run the first of these on the machine that keeps the notes, and the others on any machine of the LAN:

    udpnote serve

    udpnote send "buy milk"

    udpnote list
"""


class Command(NamedTuple):
    """A command as `udpnote --help` lists it, and the module to import when it is called.

    `module` is the name of a module in `udpnote.cli.commands`, whose variable `app` holds the command. `udpnote --help` lists
    the command under the heading `group`, with the line `help`.
    """

    module: str
    group: str
    help: str


_START, _WRITE, _READ, _CORRECT = marked("Start"), marked("Write"), marked("Read"), marked("Correct")
_NOTEBOOK, _SEALED, _HOST = marked("Notebook"), marked("Sealed"), marked("Host")
COMMANDS = {
    "help": Command("help_", _START, "Show the help of a command, or the list of all commands."),
    "demo": Command("demo", _START, "Show on this machine alone how udpnote works on a bad network."),
    "bench": Command("bench", _START, "Measure how fast udpnote is on this machine and this LAN."),
    "send": Command("send", _WRITE, "Send one entry, or each line of standard input."),
    "write": Command("write", _WRITE, "Write at a prompt: each line is an entry."),
    "outbox": Command("outbox", _WRITE, "Show, move or deliver the entries that are still queued."),
    "import": Command("import_", _WRITE, "Import notes from a file or folder."),
    "list": Command("list_search", _READ, "List the latest notes."),
    "search": Command("list_search", _READ, "Search for the notes that contain all of the words."),
    "show": Command("show", _READ, "Show whole notes, or their history."),
    "follow": Command("follow", _READ, "Print entries as they are stored."),
    "tail": Command("follow", _READ, "The same as follow."),
    "tags": Command("tags_stats", _READ, "List the tags, and how many notes have each."),
    "stats": Command("tags_stats", _READ, "Show how many notes, authors, tags and days with notes the notebook has."),
    "export": Command("export", _READ, "Write notes to a file or to standard output."),
    "edit": Command("edit_delete", _CORRECT, "Revise a note."),
    "delete": Command("edit_delete", _CORRECT, "Delete notes."),
    "undo": Command("undo", _CORRECT, "Take back the last of your writes, edits and deletions."),
    "erase": Command("erase", _CORRECT, "Erase a note for good, with all its versions."),
    "find": Command("find_use", _NOTEBOOK, "List the notebooks that answer on this LAN."),
    "use": Command("find_use", _NOTEBOOK, "Choose the notebook that entries go to, or show the choice."),
    "status": Command("status", _NOTEBOOK, "Show which notebook commands use, and why, and whether it answers."),
    "doctor": Command("doctor", _NOTEBOOK, "Say why a notebook is not found, and which command mends that."),
    "join": Command("join_leave", _SEALED, "Join a sealed notebook by its join code."),
    "leave": Command("join_leave", _SEALED, "Leave a sealed notebook: forget its key."),
    "seal": Command("seal_key", _SEALED, "Seal an open notebook: only machines with its key can use it."),
    "unseal": Command("seal_key", _SEALED, "Make a sealed notebook open: everybody on the LAN can use it."),
    "key": Command("seal_key", _SEALED, "Show or change the key of a sealed notebook."),
    "serve": Command("serve", _HOST, "Host a notebook: receive entries from the LAN."),
    "page": Command("page", _HOST, "Serve the notebook to browsers on the LAN, such as those of phones."),
    "service": Command("service", _HOST, "Serve at boot, with systemd: install, uninstall, status."),
    "backup": Command("backup_restore", _HOST, "Make a backup of a notebook, also while its server runs."),
    "restore": Command("backup_restore", _HOST, "Put a backup in the place of a notebook."),
}
"""All commands and groups of commands by their names, in the order of `udpnote --help`."""


def find_command(words: Sequence[str]) -> tuple[list[str], DeclaredCommand | DeclaredCommands | None, list[str]]:
    """Find the command, or the group of commands, that `words` begin with. Return three values: the words of its name, the
    command or group, and the words after the name.

    If `words` begin with no command, return an empty list, None and all of `words`. A `--` before a name is ignored, because
    click ignores it, too. Only the module of the command found is imported.
    """
    names: list[str] = []
    found: DeclaredCommand | DeclaredCommands | None = None
    rest = list(words)
    while not isinstance(found, DeclaredCommand):
        known = COMMANDS if found is None else found.commands
        named = rest[1:] if rest[:1] == ["--"] else rest
        if not named or named[0] not in known:
            break
        name, *rest = named
        names.append(name)
        found = load(name) if found is None else found.commands[name]
    return names, found, rest


def load(name: str) -> DeclaredCommand | DeclaredCommands:
    """Import the module of the command `name`, a key of `COMMANDS`, and return the command, or the group of commands."""
    module = import_module(f"udpnote.cli.commands.{COMMANDS[name].module}")
    app: DeclaredCommands = module.app
    return app.commands[name]
