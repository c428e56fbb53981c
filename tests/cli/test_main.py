"""The `udpnote` command as a whole: help, settings, what it refuses, and what it imports."""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest
from wcwidth import wcswidth

from tests.support.commands import declared_commands
from tests.support.machine import Machine, note
from tests.support.processes import eventually
from udpnote.cli.command_line.command_table import COMMANDS, load
from udpnote.cli.command_line.declared_command import DeclaredCommand
from udpnote.cli.command_line.help_page import EXAMPLE_INDENT
from udpnote.cli.command_line.parsing import read_command_line
from udpnote.cli.completion.word_at_cursor import TABLE_PATH
from udpnote.settings import Settings
from udpnote.version import __version__

USAGE_ERRORS = {
    "sned a": "sned", "send add --author to docs": "--author", "edit 1 a --json": "--json", "-- send a --json": "--json",
    "send ' \t'": "", "send --whole": "", "send --server": "--server", "send --author ' ' a": "--author",
    f"send --author {'x' * 129} a": "128", "send --wait -1 a": "--wait",
    "send --server [::1 a": "[::1", "send --nonsense a": "--nonsense", f"serve --name {'x' * 500}": "name",
    "serve --text-file -": "--text-file",
    "find --timeout 0": "0", "find --timeout nan": "", "list -n 0": "100,000", "list -n 5 --all": "--all",
    "list --on yesterday --since today": "--on", "list --tag #!?": "#!?", "list --author ' '": "--author",
    "list --tag 工作,没有": "工作,没有", "tail --tag 'work nosuch'": "work nosuch",
    f"list --notebook {__file__}": f"--file {__file__}",
    "list --file a --server 127.0.0.1": "--server", "stats --svg ''": "--svg", "export -o ''": "-o", "import ''": "PATH",
    "export --since someday -o never": "--since",
    "search": "WORDS", "search ?!": "", "show": "NUMBER", "show 0": "0",
    "show 9223372036854775808": "9223372036854775808", f"show {'9' * 5000}": "", "follow -n -1": "100,000",
    "edit milk text": "milk", "join --key-file ''": "--key-file", "delete -0": "-0", "key rotate --accept-old=soon": "soon",
}  # fmt: skip
"""Command lines that are always refused, each with a word that the message names."""

REPORTING = f"""
import sys
sys.path += {sys.path!r}
from udpnote.__main__ import main
try:
    main()
finally:
    print("IMPORTED", *sys.modules, file=sys.stderr)
"""
"""Runs a command, and tells which modules it has imported."""

REPORTING_COMMAND = (sys.executable, "-S", "-c", REPORTING)  # without `site`, which imports modules of its own

SLOW = {
    "typer", "rich", "prompt_toolkit", "platformdirs", "cryptography", "netifaces",
    "asyncio", "csv", "dataclasses", "getpass", "gettext", "html", "importlib.metadata", "inspect", "json", "locale", "logging",
    "pathlib", "platform", "shlex", "shutil", "subprocess", "tempfile", "tomllib", "traceback", "urllib", "uuid",
}  # fmt: skip
"""Packages of others, and modules of Python that are slow to import. No short command needs them, unless the table names it."""

WORDLESS = {"send milk", "send --json milk", "list -n 5", "search one", "--version"}
"""Commands that print no sentence: for these, no language is looked for."""

IN_CHINESE = {*WORDLESS, "send more", "outbox"}
"""The commands whose imports are tried in Chinese as well: all without a sentence, and two with some."""

ONE_SHOT_UNUSED = (
    "bisect ctypes ipaddress random signal udpnote.cli.commands udpnote.cli.command_line.declared_command "
    "udpnote.cli.terminal.progress udpnote.client.reading.filters udpnote.client.reading.through_server "
    "udpnote.model.query udpnote.protocol.examination_messages udpnote.protocol.codec.reading udpnote.server "
    "udpnote.storage.notebook udpnote.storage.outbox.log_check "
)


def test_a_clock_that_python_cannot_read_is_named_and_nothing_is_done(machine: Machine) -> None:
    with mock.patch("time.clock_gettime", return_value=9.5e9):
        for command in ("send today", "serve", "list"):
            machine.refused(command, facts=["2271"])
    assert not machine.home.exists()


def test_the_help_lists_every_command_and_comes_without_arguments_too(machine: Machine) -> None:
    helped, bare = machine.run("--help"), machine.run()
    assert {*re.findall(r"^. ([a-z]+) ", helped.out, re.M)} >= {*COMMANDS}
    assert (helped.code, "Usage: udpnote" in bare.out + bare.err) == (0, True)
    first_steps = bare.out.partition("╭")[0]
    assert [step for step in ("serve", "send", "list") if f" udpnote {step}" not in first_steps] == []
    for version in (machine.run("--version"), machine.run("-V"), machine.shell(f"{sys.executable} -m udpnote --version")):
        assert version.out == f"udpnote {__version__}\n"
    for command in (*(COMMANDS.keys() - {"key", "service"}), "key show", "key rotate", "service install"):
        result = machine.run(f"{command} -h")
        assert (result.code, result.err) == (0, "")
        assert re.search(f"Examples:.*udpnote {command}", result.out, re.S), result.out
    for name, entry in COMMANDS.items():
        assert load(name).help.split("\n\n")[0] == entry.help, "the help of all and that of a command say the same"


def test_each_example_of_the_help_is_one_command_line_that_udpnote_understands() -> None:
    paragraphs = [paragraph for command in declared_commands() for paragraph in command.help]
    for example in (each.strip() for each in paragraphs if each.startswith(EXAMPLE_INDENT)):
        assert "\n" not in example
        for words in map(shlex.split, re.split(r" (?:[|<]|2>&1) ", example)):
            if "udpnote" in words:
                line = read_command_line(words[words.index("udpnote") + 1 :])
                assert isinstance(line.command, DeclaredCommand), example


def test_an_option_takes_one_kind_of_value_in_all_commands_and_has_the_name_of_its_setting() -> None:
    table = [line.split("\t") for line in Path(TABLE_PATH).read_text().splitlines()]
    values = {(names, value if value[:1] != "=" else "a word") for _, names, value, _ in table if names.startswith("-")}
    assert len(values) == len({names for names, _ in values}), sorted(values)
    without_option = {"key", "language", "outbox", "history"}
    options = {name for names, _ in values for name in names.split()}
    assert {f"--{name.replace('_', '-')}" for name in Settings._fields if name not in without_option} <= options


@pytest.mark.parametrize("columns", ["0", "20", "45", "79", "80", "200"])
def test_the_help_has_every_option_whole_whatever_the_width(machine: Machine, columns: str) -> None:
    helped = machine.run("list --help", COLUMNS=columns).out
    assert {"--file", "--notebook", "--reverse", "--since"} <= {*re.findall(r"--[a-z-]+", helped)}
    assert "…" not in helped
    everything = machine.run("--help", COLUMNS=columns).out
    assert "…" not in everything and "..." not in everything.replace("[ARGS]...", "")
    topic = machine.run("help times", COLUMNS=columns, UDPNOTE_LANGUAGE="zh_CN").out
    assert max(map(wcswidth, (helped + everything + topic).splitlines())) <= max(int(columns) or 80, 52)


def test_a_size_of_the_terminal_that_cannot_be_one_is_ignored(machine: Machine) -> None:
    for size in ("9" * 5000, "99999999", "²", "-5"):
        assert machine.run("list -h", COLUMNS=size).out == machine.run("list -h", COLUMNS="80").out
        result = machine.shell(f"COLUMNS={size} LINES={size} TERMINAL_WIDTH={size} udpnote --show-completion")
        assert (result.code, "udpnote" in result.out) == (0, True)


def test_the_help_is_coloured_where_a_terminal_shows_colours(machine: Machine) -> None:
    assert "\x1b[1;36m--since\x1b[0m" in machine.show("list", "-h").raw
    assert "\x1b" not in machine.show("list", "-h", NO_COLOR="1").raw + machine.run("list -h").out


@pytest.mark.parametrize(("output", "reason"), [(">/dev/full", "No space left"), (">&-", "Bad file descriptor")])
def test_results_that_cannot_be_printed_are_an_error_without_a_traceback(served: Machine, output: str, reason: str) -> None:
    served.send("kept")
    for command in ("--help", "--version", "list --help", "list", "list --json", "status"):
        result = served.shell(f"udpnote {command} {output}")
        assert (result.code, result.err.count("\n"), reason in result.err) == (1, 1, True), command
    served.run("use kitchen")
    served.run("send --server 127.0.0.1:1 --wait 0 waits")
    for command in ("use", "outbox", "outbox --json"):  # with other options, they would change something, and go on
        result = served.shell(f"udpnote {command} {output}")
        assert (result.code, reason in result.err, "its work" in result.err) == (1, True, False), result


@pytest.mark.parametrize(
    ("command", "code"), [("send --wait 0 --server 127.0.0.1 queued", 75), ("no-command", 2), ("outbox --discard 99", 0)]
)
def test_messages_that_cannot_be_printed_leave_the_exit_code_as_it_is(machine: Machine, command: str, code: int) -> None:
    with open("/dev/full", "wb") as full_disk:
        process = machine.start(*command.split(), command=(sys.executable, "-m", "udpnote"), stderr=full_disk)
        assert process.wait().code == code


def test_a_deleted_current_folder_is_named_where_a_path_starts_from_it(machine: Machine) -> None:
    for command in ("export -o notes.jsonl", "import notes.jsonl"):
        result = machine.shell(f"mkdir gone; cd gone; rmdir ../gone; udpnote {command}")
        assert (result.code, result.err.count("\n"), "which was deleted" in result.err) == (2, 1, True), result.err


def test_a_usage_error_exits_2_names_what_is_wrong_and_does_nothing(machine: Machine) -> None:
    for command, fact in USAGE_ERRORS.items():
        assert machine.refused(command, code=2, facts=[fact])
    machine.refused("send", b"caf\xe9", code=2, facts=["UTF-8"])
    machine.refused("serve", "--name", b"\xff", code=2, facts=["name"])
    assert machine.waiting() == []


def test_a_bad_setting_is_a_usage_error_that_names_the_file_or_the_variable(machine: Machine) -> None:
    machine.home.mkdir(mode=0o700)
    path = machine.home / "config.toml"
    path.write_text("colour = 'red'")
    for command in ("serve --bind 127.0.0.1", "send a", "outbox"):
        machine.refused(command, code=2, facts=[path])
    path.unlink()
    machine.refused("serve --bind 127.0.0.1", code=2, facts=["UDPNOTE_PORT"], UDPNOTE_PORT="70000")


@pytest.mark.parametrize("command", ["send milk", "list", "find --timeout 0.1", "outbox", "serve --bind 127.0.0.1"])
def test_a_command_that_can_open_no_more_files_says_so_in_words(machine: Machine, command: str) -> None:
    for files in range(5, 12):
        result = machine.shell(f"ulimit -n {files}; udpnote {command}")
        assert (result.code, "oo many open files" in result.err, result.err.count("\n")) == (1, True, 1), (files, result)
        assert "ulimit -n 1024" in result.err, (files, result)


def make_diary(path: Path) -> None:
    path.touch(0o600)
    path.write_text("Dear diary\n" * 100)


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), Path.mkdir, make_diary])
@pytest.mark.parametrize(
    ("name", "commands"),
    [
        ("outbox.sqlite3", "send one, outbox, use, find, list, write, edit 1 two"),
        ("odd", "serve, list, stats, export, import -, follow, seal, key show, key rotate"),
    ],
)
def test_a_file_of_another_kind_is_named_and_left_alone(
    machine: Machine, name: str, commands: str, make: Callable[[Path], None]
) -> None:
    machine.home.mkdir(mode=0o700)
    path = machine.home / name
    make(path)
    for command in commands.split(", "):
        said = machine.refused(f"{command} --file {path}" if name == "odd" else command)
        assert (said.count("\n"), str(path) in said or str(path.resolve()) in said) == (1, True), (command, said)
    if make is make_diary:
        assert path.read_text() == "Dear diary\n" * 100
    else:
        assert [each.name for each in machine.home.iterdir()] == [name], "nothing is left beside it"


@pytest.mark.parametrize(
    ("command", "code", "used", "unused"),
    [
        ("send milk", 0, "", ONE_SHOT_UNUSED + "udpnote.text.messages"),
        ("send more", 75, "", ONE_SHOT_UNUSED),
        ("send --server 127.0.0.1:1 milk", 75, "", "udpnote.server"),
        ("send --json milk", 0, "json", "udpnote.server udpnote.text.messages"),
        ("--help", 0, "", "udpnote.cli.commands udpnote.client udpnote.server udpnote.storage socket sqlite3"),
        ("--version", 0, "", "udpnote.cli.commands udpnote.client sqlite3"),
        ("list --help", 0, "rich", "udpnote.client.client udpnote.server udpnote.storage sqlite3"),
        ("list -n 5", 0, "", "udpnote.cli.entry_sender udpnote.server udpnote.text.messages udpnote.text.search_terms"),
        ("search one", 0, "", "udpnote.server"), ("show 1", 0, "json", "udpnote.server"),
        ("stats", 0, "json rich", "udpnote.server"), ("outbox", 0, "json rich", "udpnote.server"),
        ("find --timeout 0.2", 0, "", "udpnote.server udpnote.client.reading.through_server"),
    ],
)  # fmt: skip
def test_a_command_imports_only_what_it_uses_and_nothing_of_sealing_where_nothing_is_sealed(
    machine: Machine, command: str, code: int, used: str, unused: str
) -> None:
    if command != "send more":
        machine.keep(note(1, "one"))
        machine.serve()
    environ = {"UDPNOTE_HOME": "", "HOME": str(machine.home.parent)} | ({"UDPNOTE_WAIT": "0.3"} if code else {})
    for language in ("en", "zh_CN") if command in IN_CHINESE else ("en",):
        if language == "zh_CN" and command not in WORDLESS:
            used += " gettext locale rich"  # rich knows how wide Chinese is
        environ["LC_ALL"] = f"{language}.UTF-8"
        result = machine.start(*command.split(), environ=environ, command=REPORTING_COMMAND).end()
        imported = set(result.err.splitlines()[-1].split())
        banned = (SLOW - {*used.split()}) | {*unused.split()}
        superfluous = {name for name in imported if any(name == each or name.startswith(f"{each}.") for each in banned)}
        assert (language, result.code, superfluous, sealing(imported)) == (language, code, set(), set())


def test_the_commands_are_declared_without_typer() -> None:
    program = (
        "import sys; from udpnote.cli.command_line.command_table import COMMANDS, load; "
        "[*map(load, COMMANDS)]; sys.exit('typer' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_an_open_notebook_is_served_without_anything_of_sealing(machine: Machine, tmp_path: Path) -> None:
    server = machine.start("serve", "--bind", "127.0.0.1", "--port", str(machine.port), command=REPORTING_COMMAND)
    eventually(lambda: machine.send("--wait", "0.3", "one", UDPNOTE_HOME=str(tmp_path / "client")).code == 0)
    assert sealing(server.end(signal.SIGTERM).err.splitlines()[-1].split()) == set()


def sealing(modules: set[str] | list[str]) -> set[str]:
    """Those of `modules` that are only needed for sealed notebooks."""
    harmless = ("udpnote.cli.", "udpnote.text.messages.")
    return {name for name in modules if ("cryptography" in name or "seal" in name) and not name.startswith(harmless)}
