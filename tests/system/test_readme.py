"""The tours of both READMEs, typed on three hosts of a LAN as they are printed there, print what the README shows."""

import os
import re
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tests.support.processes import COMMAND, Process, Terminal, eventually
from tests.system.lab import Host, Lab, at_once

ROOT = Path(__file__).parents[2]
README, CHINESE_README = ROOT / "README.md", ROOT / "docs" / "README.zh-CN.md"
USERS = {"pi": "ann", "desk": "lin", "laptop": "ann"}
CODE = r"[0-9A-Z]{4}(?:-[0-9A-Z]{4}){5}-[0-9A-Z]{3}"
MASKS = [
    (r"\d{4}[-/]\d\d[-/]\d\d( \d\d:\d\d:\d\d| \w+day| 星期\w)", "TIME"),
    (r"(?<!\+)\b\d\d:\d\d(:\d\d)?\b", "CLOCK"),
    (r"[0-9a-f]{32}", "ID"),
    (CODE, "CODE"),
    (r"10\.(6\.83|77\.\d+)\.\d+|\[?fe80::[0-9a-f:]+[0-9a-f](%\w+)?\]?", "ADDRESS"),  # by IPv6 if that answer has come first
    (r"\d+\.\d ms", "MS"),
    (r" +", " "),
]
"""Patterns of texts that differ from run to run, and what replaces each. Spaces are merged, as the widths of columns differ."""


class Step(NamedTuple):
    """A command that is typed at a host, and the lines that the README shows below it.

    `command` is `^C` where Ctrl-C ends the server, and empty where the README shows only what the server prints next.
    """

    host: str
    command: str
    lines: list[str]


def tour(readme: Path) -> list[Step]:
    """The steps of a README's tour. The tour is the first section with a prompt of the host `pi`."""
    text = next(section for section in re.split("^## ", readme.read_text(), flags=re.MULTILINE) if "```console\npi$" in section)
    steps: list[Step] = []
    for block in re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        is_first = True
        for line in block.splitlines():
            typed = re.fullmatch(r"(pi|desk|laptop)\$ (.*)", line)
            if typed is not None:
                steps.append(Step(typed[1], typed[2], []))
            elif line == "^C" or is_first:
                steps.append(Step("pi", line if line == "^C" else "", [line]))
            else:
                steps[-1].lines.append(line)
            is_first = False
    return steps


class Desk:
    """A host with its user's home, where commands are typed at terminals."""

    def __init__(self, lab: Lab, host: Host, locale: dict[str, str]) -> None:
        self._lab, self._host = lab, host
        self._home = lab.folder / f"{host.name}-home"
        self._home.mkdir()
        others = ("UDPNOTE_", "XDG_", "COLUMNS", "LANG", "LC_")  # the width is that of the terminal
        environ = {name: value for name, value in os.environ.items() if not name.startswith(others)}
        self._environ = (
            environ
            | {
                "HOME": str(self._home),
                "PATH": f"{Path(COMMAND).parent}:{os.environ['PATH']}",
                "UDPNOTE_AUTHOR": f"{USERS[host.name]}@{host.name}",
                "UDPNOTE_WAIT": "1.5",
                "TZ": "CST-8",
                "NO_COLOR": "1",
            }
            | locale
        )
        self.server: Process | None = None
        self.screen = Terminal(columns=250)
        self._shown = 0

    def take(self, step: Step, join_code: str) -> None:
        """Type the command of a step, with this join code, and compare what it prints with the README."""
        expected = [masked(line) for line in step.lines]
        if step.command == "^C":
            self.end_server()
            expected[0] = ""  # the terminal shows ^C on the line that the server ends
        elif step.command:
            self._type(re.sub(CODE, join_code, step.command))
        if step.lines == ["..."]:
            eventually(lambda: any("Ctrl-C" in line for line in self._news()))
        else:

            def shown() -> list[str]:
                news = self._news()  # before ^C the server has also printed what the README does not repeat
                return news[-len(expected) :] if step.command == "^C" else news

            with suppress(AssertionError):  # the next line fails with a better message
                eventually(lambda: shown() == expected and self.screen.text.endswith("\n"))  # not in the middle of a line
            assert shown() == expected, step.command
        self._shown = len(self.screen.text)

    def end_server(self) -> None:
        """Press Ctrl-C where the server runs."""
        assert self.server is not None
        os.killpg(self.server.pid, signal.SIGINT)
        assert self.server.wait().code == 0

    def _type(self, command: str) -> None:
        """Run a command to its end, or start a server."""
        line = ["ip", "netns", "exec", self._host.namespace, "bash", "-c", command]
        process = Process(line, self._environ, folder=self._home, at=self.screen)
        self._lab.kill_at_end(process)
        if command.startswith("udpnote serve"):
            self.server = process
        else:
            process.wait()

    def _news(self) -> list[str]:
        """The masked lines on the screen since the last step."""
        return [masked(line) for line in self.screen.text[self._shown :].replace(str(self._home), "/home/ann").splitlines()]


def masked(text: str) -> str:
    """`text` with what differs from run to run replaced (see `MASKS`)."""
    for pattern, mask in MASKS:
        text = re.sub(pattern, mask, text)
    return text.rstrip()


READMES = {README: {"LC_ALL": "C.UTF-8"}, CHINESE_README: {"LANG": "zh_CN.UTF-8"}}


def take_tour(lab: Lab, readme: Path) -> None:
    """Take all steps of a README's tour, on three hosts of a LAN."""
    lan = lab.switch()
    desks = {name: Desk(lab, lab.host(name, lan), READMES[readme]) for name in USERS}
    steps = tour(readme)
    assert len(steps) > 20
    for step in steps:
        codes = re.findall(CODE, desks["pi"].screen.text)
        desks[step.host].take(step, codes[-1] if codes else "")
    desks["pi"].end_server()
    for desk in desks.values():
        desk.screen.kill()


def test_each_command_of_the_tours_prints_what_the_readme_shows(new_lab: Callable[[str], Lab]) -> None:
    at_once(lambda readme: take_tour(new_lab(readme.stem), readme), READMES)
