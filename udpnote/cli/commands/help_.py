"""`udpnote help`: prints the help of a command, or a page about a topic."""

from typing import Annotated

from udpnote.cli import exit_codes
from udpnote.cli.command_line.command_table import find_command
from udpnote.cli.command_line.declared_command import Argument, DeclaredCommands
from udpnote.cli.command_line.help_page import TOPICS, help_about, print_help
from udpnote.cli.command_line.likely_meant import advice
from udpnote.cli.command_line.parsing import WrongCommandLine
from udpnote.cli.terminal import streams
from udpnote.cli.terminal.pager import paged

app = DeclaredCommands()

Words = Annotated[list[str] | None, Argument("[COMMAND]...", help="The command, such as `list` or `key rotate`, or a topic.")]


@app.command("help")
def help_(words: Words = None) -> int:
    """Show the help of a command, or the list of all commands.

    `udpnote COMMAND --help` prints the same. There are also pages about topics: `times` says how to write times, and
    `exit-codes` what the exit codes mean.

    Examples:

        udpnote help

        udpnote help list

        udpnote help key rotate

        udpnote help times
    """
    if words and len(words) == 1 and words[0] in TOPICS:
        with paged():
            print(help_about(TOPICS[words[0]]))
        return exit_codes.DONE
    names, command, rest = find_command(words or [])
    if rest:
        error = WrongCommandLine("command_unknown", len(names) + 1, word=rest[0], command=" ".join(["udpnote", *names]))
        streams.say(error.notice)
        streams.say(advice(["help", *names, *rest], error))
        return exit_codes.USAGE
    print_help(names, command)
    return exit_codes.DONE
