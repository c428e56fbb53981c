"""The parts of docs/ and the files of udpnote that are made from the code.

`python -m tests.reference` writes them, and a test compares them.
"""

import subprocess
import sys
import textwrap
from pathlib import Path

from tests.support import manual
from tests.support.commands import completion_table
from tests.support.golden import GOLDEN, KEY, SALT, SEALED, datagrams
from udpnote.cli.command_line.command_table import COMMANDS as COMMAND_TABLE
from udpnote.cli.completion.word_at_cursor import TABLE_PATH
from udpnote.model.join_code import join_code
from udpnote.protocol.codec.codec import encode
from udpnote.text.messages.troubles import trouble_table

DOCS = Path(__file__).parent.parent / "docs"
_GROUPS = {"key": ("show", "rotate"), "service": ("install", "uninstall", "status")}
COMMANDS = [" ".join([name, *([part] if part else [])]) for name in COMMAND_TABLE for part in _GROUPS.get(name, ("",))]
"""All commands, as they are typed."""

HELP_PROGRAM = """
import sys
from udpnote.cli.command_line.command_table import find_command
from udpnote.cli.command_line.help_page import help_of
for command in sys.argv[1:]:
    names, found, _ = find_command(command.split())
    print(help_of(" ".join(["udpnote", *names]), found))
    print("\\0")
"""
TROUBLES_START, TROUBLES_END = "<!-- troubles -->\n", "<!-- /troubles -->\n"
GOLDEN_START, GOLDEN_END = "<!-- golden -->\n", "<!-- /golden -->\n"


def command_reference() -> str:
    """docs/cli.md: what `--help` prints, for every command."""
    sections = [
        "# Commands\n",
        "What `udpnote --help` and `udpnote COMMAND --help` print.\n",
        "Exit codes: 0 done, 1 refused, 2 wrong usage, 69 no server found, 75 queued for later, 130 interrupted.\n",
    ]
    commands = ["", *COMMANDS]
    for command, text in zip(commands, help_texts(commands), strict=True):
        sections.append(f"## udpnote {command}".rstrip() + f"\n\n```text\n{text}\n```\n")
    return "\n".join(sections)


def help_texts(commands: list[str]) -> list[str]:
    """What `udpnote COMMAND --help` prints on a plain terminal of 100 columns, for each of `commands`."""
    environment = {"COLUMNS": "100", "TERMINAL_WIDTH": "100", "NO_COLOR": "1", "TERM": "dumb", "LANG": "C.UTF-8"}
    done = subprocess.run(
        [sys.executable, "-c", HELP_PROGRAM, *commands], env=environment, check=True, capture_output=True, text=True
    )
    texts = done.stdout.split("\0\n")[:-1]
    return ["\n".join(line.rstrip() for line in text.splitlines()).strip("\n") for text in texts]


def golden_section() -> str:
    """The golden messages of docs/protocol.md, with their bytes as they stand there, or else as the codec makes them."""
    digits = {name: textwrap.fill(encode(message).hex(), 64) + "\n" for name, message in GOLDEN.items()} | datagrams()
    filled = textwrap.TextWrapper(100, subsequent_indent="    ", break_long_words=False).fill
    return "".join(
        f"\n**{name}**\n\n```text\n{filled(described(message))}\n\n{digits[name]}```\n" for name, message in GOLDEN.items()
    )


def sealed_section() -> str:
    """The sealed golden datagrams of docs/protocol.md, as they stand there."""
    heading = f"\nSealed, under the key {KEY.hex()} (join code {join_code(KEY)}) and with the salt {SALT.hex()}:\n"
    return heading + "".join(f"\n**{name}, sealed**\n\n```text\n{datagrams()[f'{name}, sealed']}```\n" for name in SEALED)


def described(value: object) -> str:
    """A message or a value of one as text, by its fields' names, and bytes in hexadecimal."""
    if isinstance(value, bytes):
        return value.hex() if len(value) <= 32 else f"{value[:16].hex()}…({len(value)} bytes)"
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        fields = ", ".join(f"{name}={described(getattr(value, name))}" for name in value._fields)
        return f"{type(value).__name__.upper()}({fields})"
    if isinstance(value, tuple):
        return "[" + ", ".join(described(each) for each in value) + "]"
    return str(int(value)) if isinstance(value, int) else repr(value)


def protocol_with_golden(text: str) -> str:
    """docs/protocol.md with its golden datagrams as they are now."""
    return _replaced(text, GOLDEN_START, golden_section() + sealed_section() + "\n", GOLDEN_END)


def how_to_with_troubles(text: str) -> str:
    """docs/how-to.md with the table of the doctor's troubles as it is now."""
    heading = "\n| what `udpnote doctor` says | what it means | what mends it |\n| --- | --- | --- |\n"
    return _replaced(text, TROUBLES_START, heading + trouble_table() + "\n", TROUBLES_END)


def _replaced(text: str, start: str, middle: str, end: str) -> str:
    """`text` with `middle` between `start` and `end`."""
    before, rest = text.split(start)
    _, after = rest.split(end)
    return before + start + middle + end + after


if __name__ == "__main__":
    (DOCS / "cli.md").write_text(command_reference())
    Path(TABLE_PATH).write_text(completion_table())
    manual.PATH.write_text(manual.manual_page())
    protocol = DOCS / "protocol.md"
    protocol.write_text(protocol_with_golden(protocol.read_text()))
    how_to = DOCS / "how-to.md"
    how_to.write_text(how_to_with_troubles(how_to.read_text()))
