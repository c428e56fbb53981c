"""The flow of the program that udpnote comes from, in Chinese, on two hosts."""

import re

from tests.support.machine import NOW
from tests.support.processes import Process, Terminal
from tests.support.translations import latin_words
from tests.system.conftest import Pair
from tests.system.lab import Host
from udpnote.cli.prompt import DELIVERY_PAUSE_SECONDS, DELIVERY_WAIT_SECONDS

LATIN = {*"kitchen laptop somebody nowhere invalid id quit exit q help C D Z e a n send list lst NAME".split()}  # noqa: SIM905
"""Words that Chinese output has besides the names of programs: names of hosts and users, and keys and words to type."""

TIME = r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d"
WRONG_LINES = {
    "send --server nowhere.invalid 早": 75,
    "send --server 127.0.0.1:1 晚": 75,
    "list --server 127.0.0.1:1": 69,
    "serve --port 6683 --file other.sqlite3": 1,
    "send --nonsens 早": 2,
    "lst": 2,
    "show 99": 1,
    "send": 0,
}
"""Command lines, and their exit codes in every language."""


def writing(host: Host) -> tuple[Terminal, Process]:
    """The prompt, ready at a terminal."""
    terminal, process = host.at_terminal("write", "--wait", "0.5")
    terminal.expect("今日记录")
    return terminal, process


def assert_chinese(text: str) -> None:
    assert re.search("[\u4e00-\u9fff]", text), text
    assert latin_words(re.sub("[0-9a-f]{32}", "", text)) - LATIN == set(), text


def test_the_flow_of_the_first_notebook_in_chinese(pair: Pair) -> None:
    for host in (pair.kitchen, pair.laptop):
        host.environ |= {"LC_ALL": "zh_CN.UTF-8", "PROMPT_TOOLKIT_NO_CPR": "1", "TZ": "CST-8", "UDPNOTE_WAIT": "0.5"}
    terminal, process = writing(pair.laptop)
    terminal.type("今天开会\r")
    terminal.expect("排队")
    text_file = pair.kitchen.home / "笔记.txt"
    screen, server = pair.kitchen.at_terminal("serve", "--name", "厨房", "--text-file", str(text_file))
    screen.expect("Ctrl-C")
    terminal.type("明天买牛奶\r")
    terminal.expect(rf"#1  {NOW}  今天开会\r\n", DELIVERY_PAUSE_SECONDS + DELIVERY_WAIT_SECONDS + 4)  # by the first attempt
    terminal.expect(rf"#2  {NOW}  明天买牛奶\r\n")
    screen.expect("明天买牛奶")
    terminal.type("quit\r")
    assert process.wait().code == 0
    terminal, process = writing(pair.laptop)
    terminal.type("帮助\r退出\r")
    assert process.wait().code == 0
    for each in (terminal, screen):
        assert_chinese(each.text)
    assert re.fullmatch(f"{TIME}\n今天开会\n\n{TIME}\n明天买牛奶\n\n?", text_file.read_text()), text_file.read_text()
    closed = pair.laptop.start("list", under=("sh", "-c", '("$@"; echo "$?" >&2) | true', "sh")).wait()
    assert (closed.out, closed.err) == ("", "1\n")
    check_errors(pair.kitchen)
    server.interrupt()
    assert server.wait().code == 0
    assert_chinese(screen.finish())


def check_errors(host: Host) -> None:
    started = {line: host.start(*line.split()) for line in WRONG_LINES}
    for line, process in started.items():
        result = process.wait()
        assert (line, result.code, result.out) == (line, WRONG_LINES[line], ""), result.err
        assert_chinese(result.err)
    terminal, sending = host.at_terminal("send", "--server", "127.0.0.1:1", "--wait", "60", "等")
    terminal.expect("寻找")
    sending.interrupt()
    assert sending.wait().code == 130
    assert_chinese(terminal.finish())
