"""What every command prints in Chinese: nothing is left in English."""

import re

from tests.support.machine import Machine
from tests.support.translations import NAMES, WORDS_OF_PROGRAMS
from udpnote.cli.command_line.command_table import COMMANDS
from udpnote.model.language import SIMPLIFIED
from udpnote.settings import Settings

SERVED = """
send 牛奶 #家 | send --whole | send --at 昨天 甲 | send --tag 猫 甲 | send --at 2999-01-01 甲 | send --at 昨夜的 甲
send --wait x 甲 | send --at 2020-05-05 甲 | stats --year 2020
send --nosuch | send --wait | list | list --full | list --tag 无 | list --since 明天 --until 昨天 | list --limit 5 | list -n abc
search 牛奶 | search 没有的 | search 甲 -乙 | show 1 | show 99 | show abc | edit 1 羊奶 | edit 1 羊奶 | edit 99 甲
show 1 --history | delete 2 | delete 2 | show 2 | edit 2 甲 | undo | undo | undo | undo | tags | stats
outbox
outbox --discard 9 | outbox --from 甲 | find --timeout 0.2 | use | use 家里 | status | key show | seal | join 码
leave | leave 没有 | backup | restore /nonexist | import /nonexist | nosuch | undelete 3 | list --file /nonexist
list --port 99999 | send --server ??? 甲 | export -o /nonexist/x.md | service status | help erase | erase 1 | demo --help
"""
UNSERVED = """
send 丙 | list | outbox | status | undo | edit 1 丙 | delete 1 | seal --name 甲 | key show | key rotate | backup
serve --port 70000 | serve --bind 1.2.3.4 | list --server 127.0.0.1:1
"""
KEPT = (
    r"`[^`]*`|'[^']*'|\"[^\"]*\"|“[^”]*”|--?[a-z][\w-]*|[\w.:-]*/[^\s，。：；（）]*|udpnote [a-z].*|[0-9a-f]{8,}|#\w+"
    r"|[A-Z][A-Z_|-]+|127\.\S+|\d\S*"
)
"""What may stand in a Chinese sentence: what is quoted, options, paths, commands, identities, and words in capital letters."""

WORDS = NAMES | WORDS_OF_PROGRAMS | set(COMMANDS) | set(Settings._fields) | {"kB", "ms", "zh_"}


def english_words(text: str) -> list[str]:
    """The words in a text of a command that are no names and not quoted: they should be in Chinese."""
    return [word for word in re.findall(r"[A-Za-z_]{2,}", re.sub(KEPT, " ", text)) if word not in WORDS]


def half_width(text: str) -> list[str]:
    """The brackets and colons of a Chinese text of a command that are half-width, although nothing typed or quoted has them."""
    return re.findall(r"[()]|: ", re.sub(KEPT, "0", text.removeprefix("udpnote: "))) if re.search("[一-鿿]", text) else []


def test_no_command_says_anything_in_english(machine: Machine) -> None:
    environ = {"UDPNOTE_LANGUAGE": SIMPLIFIED, "UDPNOTE_AUTHOR": "阿美", "UDPNOTE_WAIT": "0.1"}
    machine.serve("家里")
    found = []
    for commands in (SERVED, UNSERVED):
        for command in filter(None, re.split(r" *[|\n] *", commands)):
            result = machine.run(*command.split(), **environ)
            lines = (*result.lines, *result.err.splitlines())
            found += [(command, line) for line in lines if english_words(line) or half_width(line)]
        machine.stop()
    assert found == []
