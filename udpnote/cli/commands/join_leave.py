"""`udpnote join` stores the key of a sealed notebook on this machine; `udpnote leave` deletes it."""

import os
import sys
from typing import Annotated

from udpnote.cli import exit_codes
from udpnote.cli.command_line.declared_command import Argument, DeclaredCommands, Option
from udpnote.cli.json_output import notebook_object
from udpnote.cli.options.client_options import NO_OPTIONS
from udpnote.cli.options.declared import FindingClient, Json
from udpnote.cli.terminal.interruption import giving_terminal_back, noticing_signals
from udpnote.cli.terminal.streams import fitted_to, say
from udpnote.cli.terminal.text import in_json
from udpnote.client.client import Client
from udpnote.client.finding.destination import waits_for
from udpnote.errors import InvalidKey, InvalidSetting, Notice
from udpnote.model.join_code import join_code, parse_join_code
from udpnote.model.notebook import display_name
from udpnote.settings import check_path, load_settings
from udpnote.storage.key_file import read_code_file
from udpnote.text.harmless import harmless

CODE_CHARACTERS_MAX = 1000
"""How many characters of standard input are read for a join code. A code has fewer, even with spaces and hyphens."""

TYPING_TRIES = 3
"""How often the user may type a join code at a terminal. If the last one is wrong, too, the command ends."""

app = DeclaredCommands()


@app.command(changes=True)
def join(
    code: Annotated[
        str | None,
        Argument(metavar="[CODE]", help="The notebook's join code; without it, you are asked for it."),
    ] = None,
    key_file: Annotated[
        str | None,
        Option("--key-file", metavar="FILE", help="A file that has the join code, or a notebook's key file."),
    ] = None,
    options: FindingClient = NO_OPTIONS,
    as_json: Json = False,
) -> int:
    """Join a sealed notebook by its join code.

    From then on every command uses this notebook, and what it sends is encrypted. `udpnote key show` on the notebook's host
    prints the code.

    Leave CODE out to be asked for it: other users of this machine can see the arguments of a command, and the shell keeps them
    in its history. A script writes the code to standard input, or sets UDPNOTE_KEY or UDPNOTE_KEY_FILE, which work with every
    other command, too.

    Examples:

        udpnote join

        udpnote join --key-file ~/home.key

        ssh pi udpnote key show | udpnote join
    """
    if code is not None and key_file is not None:
        raise InvalidSetting("code_and_key_file")
    if key_file is not None:
        check_path(key_file, "--key-file")
    code = code if code is not None else _found_code(key_file)
    with Client(server=options.server, port=options.port, key_file=key_file, on_notice=say) as client:
        notebook = client.join(code)
        counts = client.waiting_counts()
    if as_json:
        print(in_json(notebook_object(notebook)))
        return exit_codes.DONE
    print(fitted_to(sys.stdout, harmless(str(Notice("joined", notebook=notebook)))))
    say(Notice("joined_then"))
    unsent = sum(each.entries for each in counts if waits_for(each, notebook))
    if unsent:
        say(Notice("entries_wait_for_it", entries=unsent))
    return exit_codes.DONE


@app.command(changes=True)
def leave(
    notebook: Annotated[str, Argument(metavar="NAME|ID", help="The notebook.")],
    send_open: Annotated[
        bool,
        Option("--send-open", help="Leave even if entries wait for the notebook. They may then be sent unencrypted."),
    ] = False,
) -> int:
    """Leave a sealed notebook: forget its key.

    While this machine has joined a notebook, it sends nothing to an open one with the same name or id. After it has left, it
    may send entries there, unencrypted.

    Examples:

        udpnote leave home
    """
    with Client(on_notice=say) as client:
        left = client.leave(notebook, sends_open=send_open)
        name = display_name(left, client.known())
    say(Notice("left", name=name))
    return exit_codes.DONE


def _found_code(key_file: str | None) -> str:
    """Return the join code of a user who has not typed it on the command line.

    The code comes from the first of these that exists: the file `key_file`, the code in the settings, the file that the
    settings name, standard input. At a terminal, the user is asked for the code. A file may have the join code, or be a
    notebook's key file. Raises `InvalidKey` if there is no code, and `StorageError` if a file cannot be read.
    """
    if key_file is not None:
        return join_code(read_code_file(os.path.expanduser(key_file)))
    settings = load_settings()
    if settings.key is not None:
        return join_code(settings.key)
    if settings.key_file is not None:
        return join_code(read_code_file(settings.key_file))
    with noticing_signals():
        code = _typed_code() if sys.stdin.isatty() else sys.stdin.readline(CODE_CHARACTERS_MAX)
    if not code.strip():
        raise InvalidKey("no_join_code")
    return code


def _typed_code() -> str:
    """Ask the user for the join code at the terminal, which does not show what is typed. Return what was typed. After a wrong
    code, say what is wrong, and ask again.

    The result is empty if the user ends the input with Ctrl-D. Raises `InvalidKey` after `TYPING_TRIES` wrong codes.
    """
    from getpass import getpass

    for tries_left in reversed(range(TYPING_TRIES)):
        try:
            with giving_terminal_back():
                code = getpass(str(Notice("ask_for_join_code")))
        except EOFError:
            return ""
        try:
            parse_join_code(code)
        except InvalidKey as error:
            if not tries_left:
                raise
            say(error.notice)
        else:
            break
    return code
