"""Terminals with other encodings than UTF-8, in real locales: arguments, names of files, the prompt, and all outputs."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.support.machine import NOW
from tests.support.requirements import require_tool, unavailable
from tests.system.conftest import Pair, pair_in
from tests.system.lab import Lab, at_once


class LocaleCase(NamedTuple):
    """A locale, its encoding as Python names it, and three texts that people write there."""

    name: str
    encoding: str
    meeting: str
    milk: str
    notebook: str


CASES = [
    LocaleCase("zh_CN.GBK", "gbk", "今天开会", "牛奶", "笔记"),
    LocaleCase("zh_TW.BIG5", "big5", "今天開會", "牛奶", "筆記"),
]


def test_commands_work_at_terminals_with_chinese_encodings(new_lab: Callable[[str], Lab], tmp_path: Path) -> None:
    for case in CASES:
        make_locale(tmp_path, case.name)
    at_once(lambda case: use_everything(pair_in(new_lab(case.encoding)), tmp_path, case), CASES)


def use_everything(pair: Pair, locales: Path, case: LocaleCase) -> None:
    """Write, read, follow, back up and restore at terminals with the encoding of `case`. `locales` is a folder of locales."""
    for host in (pair.kitchen, pair.laptop):
        host.environ |= {"LOCPATH": str(locales), "LC_ALL": case.name, "PROMPT_TOOLKIT_NO_CPR": "1", "TZ": "CST-8"}
    typed = {text: os.fsdecode(text.encode(case.encoding)) for text in case[2:]}  # the bytes that a shell there would pass on
    folder = pair.kitchen.home / typed[case.notebook]
    folder.mkdir()
    notebook, text_file, backup, exported = (str(folder / name) for name in ("notebook", "text", "backup", "export.jsonl"))
    pair.kitchen.environ |= {"UDPNOTE_FILE": notebook, "UDPNOTE_NAME": typed[case.notebook]}

    # Serve, send, and write at the prompt. Texts that the encoding lacks are shown as escapes.
    screen, server = pair.kitchen.at_terminal("serve", "--text-file", text_file, encoding=case.encoding)
    screen.expect("Ctrl-C")
    assert case.notebook in screen.text
    terminal, process = pair.laptop.at_terminal("send", typed[case.meeting], encoding=case.encoding)
    assert process.wait().code == 0
    terminal.expect(rf"#1  {NOW}  {case.meeting}\r\n")
    terminal, process = pair.laptop.at_terminal("write", encoding=case.encoding)
    terminal.expect("今日")
    terminal.type(f"{case.milk}\x7f{case.milk}\r")
    terminal.expect(rf"#2  {NOW}  {case.milk[0]}{case.milk}\r\n")
    in_utf8 = ("env", "-u", "UDPNOTE_FILE", "-u", "UDPNOTE_NAME", "LC_ALL=C.UTF-8")
    pair.kitchen.succeed("send", "--author", "ann🎉", "party 🎉", under=in_utf8)
    for each in (screen, terminal):
        each.expect(r"party \\U0001f389")
    terminal.type("quit\r")
    assert process.wait().code == 0

    # Read, and follow.
    terminal, process = pair.laptop.at_terminal("list", "--json", encoding=case.encoding)
    assert (process.wait().code, [json.loads(line)["text"] for line in terminal.finish().splitlines()][-1]) == (0, "party 🎉")
    texts = [case.meeting, case.milk[0] + case.milk, "party 🎉"]
    assert [json.loads(line)["text"] for line in pair.laptop.succeed("list", "--json").lines] == texts
    following = pair.laptop.start("follow", "-n", "1", "--exec", "printenv NOTE_AUTHOR")
    following.expect("\nann🎉\n")
    following.interrupt()

    # Back up, restore and export.
    server.interrupt()
    assert server.wait().code == 0
    pair.kitchen.succeed("backup", backup)
    pair.kitchen.succeed("restore", "--yes", backup)
    pair.kitchen.succeed("export", "--file", notebook, "-o", exported)
    assert [json.loads(line)["text"] for line in Path(exported).read_text().splitlines()] == texts
    assert Path(text_file).read_text().splitlines()[1::3] == texts


def make_locale(folder: Path, name: str) -> None:
    """Make the locale `name` in `folder`."""
    require_tool("localedef")
    language, charmap = name.split(".")
    made = subprocess.run(["localedef", "-i", language, "-f", charmap, str(folder / name)], capture_output=True, check=False)
    if not (folder / name / "LC_CTYPE").exists():
        unavailable(f"the locale {name} cannot be made: {made.stderr.decode(errors='replace')}")
