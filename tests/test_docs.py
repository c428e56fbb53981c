"""The documents say what the code does."""

import doctest
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from string import Formatter
from zoneinfo import ZoneInfo

import pytest

from tests.reference import COMMANDS, DOCS, command_reference, how_to_with_troubles, protocol_with_golden
from tests.support import manual
from tests.support.commands import completion_table
from tests.support.marked_messages import marked_messages
from udpnote.cli.command_line.parsing import read_command_line
from udpnote.cli.completion.word_at_cursor import TABLE_PATH
from udpnote.errors import UdpnoteError
from udpnote.model.address import DATAGRAM_BYTES_MAX
from udpnote.protocol import envelope, messages
from udpnote.protocol.codec import codec, reading
from udpnote.protocol.codec.discovery import DISCOVER_BYTES
from udpnote.protocol.codec.examination import EXAMINE_BYTES_MIN, HEARD_HOSTS_MAX
from udpnote.protocol.examination import EXAMINATIONS_MAX
from udpnote.settings import PORTS, Settings
from udpnote.text.times import read_time

ROOT = DOCS.parent
DOCUMENTS = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
README = DOCUMENTS[0].read_text()
WORDS_OF_NOTES = r'"[^"]*"|[^ -~]+|\b(?:home|work|monday|the|printer|toner|ink)\b'
"""The parts of commands that one README has in English, and the other in Chinese."""

VARIABLES = {f"UDPNOTE_{setting.upper()}": setting for setting in Settings._fields if setting not in ("outbox", "history")}
"""The environment variables of the settings. `UDPNOTE_HOME` sets the other two together."""

CHINESE_README = (DOCS / "README.zh-CN.md").read_text()
REMEDY = "run `python -m tests.reference`"


def test_the_files_that_tests_reference_makes_are_up_to_date() -> None:
    assert (DOCS / "cli.md").read_text() == command_reference(), REMEDY
    assert Path(TABLE_PATH).read_text() == completion_table(), REMEDY
    assert manual.PATH.read_text() == manual.manual_page(), REMEDY
    text = (DOCS / "protocol.md").read_text()
    assert text == protocol_with_golden(text), REMEDY
    how_to = (DOCS / "how-to.md").read_text()
    assert how_to == how_to_with_troubles(how_to), REMEDY


def test_shown_output_has_only_messages_of_the_code() -> None:
    """In the blocks of documents, checks the English lines after `udpnote: ` and the findings of the doctor."""
    forms = [form for message in marked_messages() for form in (message.text, message.plural)]
    lines = [line for form in forms for line in form.split("\n")]
    with_words = [line for line in lines if len(re.findall("[a-z]", re.sub("{[^}]*}", "", line))) > 4]
    patterns = [re.compile(_pattern(line)) for line in with_words]

    def is_message(text: str) -> bool:
        """Whether `text` is one sentence of the code, or several that were joined."""
        ends = [match.start() for match in re.finditer(r"\. ", text)]
        return any(pattern.fullmatch(text) for pattern in patterns) or any(
            is_message(text[:end]) and is_message(text[end + 2 :]) for end in ends
        )

    blocks = [block for document in DOCUMENTS for block in re.findall(r"```console\n(.*?)```", document.read_text(), re.S)]
    message = r"^ *udpnote: ([a-z0-9].*)"
    finding = r"^(?:fine|trouble|not checked) +(?! |interfaces|outbox|notebooks)[a-z ]+: (.*)"
    found = [each for block in blocks for each in re.findall(f"{message}|{finding}", block, re.M)]
    texts = [(after_name or of_doctor).rstrip() for after_name, of_doctor in found]
    assert len(texts) > 30
    assert [text for text in texts if not re.search("[一-鿿]", text) and not is_message(text)] == []


def _pattern(template: str) -> str:
    """The regular expression for what `str.format` makes of `template`."""
    return "".join(re.escape(text) + ("" if name is None else ".+") for text, name, _, _ in Formatter().parse(template))


@pytest.mark.skipif(shutil.which("man") is None, reason="needs man")
def test_the_manual_page_is_shown_without_a_warning_and_has_every_command_and_setting() -> None:
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "MANWIDTH": "80", "MANPAGER": "cat"}
    shown = subprocess.run(
        ["man", "--warnings", "-l", manual.PATH], env=environment, capture_output=True, text=True, check=True
    )
    assert shown.stderr == ""
    for command in COMMANDS:
        assert re.search(rf"^   udpnote {command} \[OPTIONS\]", shown.stdout, re.M), command
    words = " ".join(shown.stdout.split())
    assert [name for name in VARIABLES if not re.search(rf" {name} [A-Z]", words)] == []
    for text in ("昨天上午", "'3 hours ago'", "--json has all days."):
        assert text in words, text


def test_the_protocol_states_the_lengths_and_types_of_the_code() -> None:
    text = " ".join((DOCS / "protocol.md").read_text().split())
    assert f"Its body is always {DISCOVER_BYTES} bytes long" in text
    padding = DISCOVER_BYTES - envelope.HEADER_BYTES - messages.PROBE_ID_BYTES - messages.NOTEBOOK_ID_BYTES
    assert f"| {padding} | padding: zeros |" in text
    assert f"how many verdicts follow: 1 … {codec.PART_ACKS_MAX}" in text
    assert f"at most {DATAGRAM_BYTES_MAX:,} bytes" in text
    assert f"With *n* = {codec.part_bytes_max('x') + 1:,} − author length, each offset is a multiple of *n*" in text
    assert f"the last {EXAMINATIONS_MAX} examinations, and the last {HEARD_HOSTS_MAX} hosts" in text
    assert f"so that the body has {EXAMINE_BYTES_MIN} to {envelope.BODY_BYTES_MAX:,} bytes" in text
    assert f"a **body** of at most {envelope.BODY_BYTES_MAX:,} bytes" in text
    assert f"Its body is always {reading.READ_BYTES:,} bytes long" in text
    for name in ("DISCOVER", "OFFER", "APPEND", "ACK", "REFUSE", "EXAMINE", "REPORT"):
        assert f"### {name} (type {getattr(codec, name)})" in text
    assert f"the first free one of {PORTS[0]} to {PORTS[-1]}" in text
    assert f"to the UDP ports {', '.join(map(str, PORTS[:-1]))} and {PORTS[-1]}, " in " ".join(text.split())


def test_the_default_ports_are_those_of_the_settings_wherever_they_are_written() -> None:
    paths = [*DOCUMENTS, *(ROOT / "udpnote").rglob("*.py")]
    lasts = [(path.name, last) for path in paths for last in re.findall(rf"\b{PORTS[0]}(?: to |[-:])(\d+)", path.read_text())]
    assert lasts != []
    assert [(name, last) for name, last in lasts if last != str(PORTS[-1])] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_of_a_document_leads_to_a_heading_and_every_file_that_it_names_exists(document: Path) -> None:
    text = document.read_text()
    for path, heading in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", text):
        target = document.parent / path if path else document
        assert target.exists(), path
        titles = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
        assert not heading or heading in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}, heading
    for path in re.findall(r"`((?:udpnote|tests|docs|\.ci)/[a-z0-9_./-]+)`", text):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_each_name_is_in_the_file_that_a_document_says_has_it(document: Path) -> None:
    """For example, if a document says "`PORTS` in `udpnote/settings.py`", that file must contain PORTS."""
    name = r"`[\w.]+`(?: \([^)]*\))?"
    placed = re.findall(rf"((?:{name}(?:, | and |, and )?)+) in `((?:udpnote|tests)/[\w/.]+)`", document.read_text())
    assert len(placed) > 30 or document.name != "contributing.md"
    for names, place in placed:
        files = [ROOT / place] if (ROOT / place).is_file() else [*(ROOT / place).rglob("*.py"), *(ROOT / place).glob("*.js")]
        text = "".join(f"{path.name}\n{path.read_text()}" for path in files)
        assert [each for each in re.findall(r"`([\w.]+)`", names) if each.split(".")[-1] not in text] == [], place


def test_the_page_for_contributors_lists_every_module_unit_file_and_file_for_browsers() -> None:
    listed = re.findall(r"^(?:  \d)? +([\w/.-]+\.\w+)  ", (DOCS / "contributing.md").read_text(), re.MULTILINE)
    package = ROOT / "udpnote"
    files = [*package.rglob("*.py"), *package.rglob("*.service"), *(package / "page/assets").iterdir()]
    assert sorted(listed) == sorted(str(path.relative_to(package)) for path in files if path.name != "__init__.py")


def test_every_time_that_the_how_to_shows_is_valid() -> None:
    """In the table of the how-to, English times are in backquotes, and Chinese ones are separated by commas."""
    section = (DOCS / "how-to.md").read_text().partition("### Times")[2].partition("A weekday,")[0]
    rows = section.partition("| a day |")[2].replace("`+08:00`, `UTC`", "")
    shown = re.findall(r"`([^`]+)`|([^ ,`|\n]*[^ -~–\n][^,`|\n]*[^,` |\n])", rows)
    assert len(shown) > 40
    for text in map("".join, shown):
        read_time(text, datetime(2026, 11, 25, 23, 30, tzinfo=ZoneInfo("Asia/Shanghai")))


def test_every_command_line_that_the_documents_show_can_be_typed() -> None:
    wrong = {line: error for line in _command_lines() if (error := _mistake_in(line)) is not None}
    shown_as_mistakes = {"udpnote list --limit 5", "udpnote grep milk -n 5", "udpnote list ——json"}
    assert wrong.keys() == shown_as_mistakes, wrong


def _command_lines() -> Iterator[str]:
    """Yield the lines for a shell in blocks, and the pieces of code in sentences, that begin with `udpnote` and a command."""
    for text in map(Path.read_text, DOCUMENTS):
        typed = re.findall(
            r"^(?:\w*[$#] )?(udpnote [a-z].*)$", "".join(re.findall("```(?:console|sh)\n(.*?)```", text, re.S)), re.M
        )
        named = re.findall("`(udpnote [^`\n]+)`", re.sub("^```.*?^```", "", text, flags=re.M | re.S))
        yield from (line for line in (*typed, *named) if line.split()[1] not in ("COMMAND", "on", "1"))


def _mistake_in(line: str) -> UdpnoteError | None:
    """The error for `line`; None for a right one, and for one that only names a command or an option without its value."""
    numbered = re.sub(r"\b(?:SEQUENCE|NUMBER|PORT|N)\b", "42", line.partition("\\|")[0])
    words = shlex.split(re.split(r" (?:[|<>&;]|2>)", numbered)[0])[1:]
    try:
        read_command_line(words)
    except UdpnoteError as error:
        return error if error.notice.kind not in ("argument_missing", "option_value_missing") else None
    return None


def test_every_message_that_the_how_to_explains_is_one_that_udpnote_prints() -> None:
    printed = "\n".join(each.plural or each.text for each in marked_messages())
    explained = re.findall(r"^\| `(.*?)` \|", (DOCS / "how-to.md").read_text().partition("## When something is wrong")[2], re.M)
    assert explained
    for message in explained:
        pattern = ".*?".join(map(re.escape, message.split("...")))
        assert re.search(pattern, printed), message


def test_every_setting_has_its_row_in_the_how_to() -> None:
    rows = [line for line in (DOCS / "how-to.md").read_text().splitlines() if line.startswith("| ")]
    for variable, setting in VARIABLES.items():
        assert any(f"| `{variable}` | `{setting} = " in row for row in rows), setting


@pytest.mark.usefixtures("own_settings")
def test_every_example_of_the_library_runs_and_shows_what_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    failed, tried = doctest.testfile(str(DOCS / "library.md"), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert (failed, tried > 25) == (0, True)


def test_the_chinese_readme_has_the_sections_commands_and_links_of_the_english_one() -> None:
    assert README.startswith("[简体中文](docs/README.zh-CN.md)\n\n# ")
    assert CHINESE_README.startswith("[English](../README.md)\n\n# ")
    sections = [_comparable_sections(text, folder) for text, folder in ((README, ROOT), (CHINESE_README, DOCS))]
    for number, (english, chinese) in enumerate(zip(*sections, strict=True)):
        assert english == chinese, number


def _comparable_sections(text: str, folder: Path) -> Iterator[list[str]]:
    """What both READMEs must have in each section: its level, kinds of lines, code without texts of notes, and links."""
    for section in re.split("^(?=#+ )", text, flags=re.MULTILINE)[1:]:
        level = re.findall("^#*", section)[0]
        text_alone = re.sub("^```.*?^```", "", section, flags=re.MULTILINE | re.DOTALL)
        kinds = re.findall(r"^(?:- |\| |```\w*)", section, re.MULTILINE)
        code = re.findall("`([^`\n]+)`", text_alone)
        code += re.findall(r"^(?:\w*\$ |\.venv|python3? ).*", section, re.MULTILINE)
        commands = (" ".join(re.sub(WORDS_OF_NOTES, "", each).split()) for each in code)
        links = re.findall(r"\]\(([^)#]*)(#[^)]*)?\)", section)
        targets = (f"{(folder / path).resolve()}{heading}" for path, heading in links)
        yield [level, *kinds, *sorted(commands), *sorted(targets)]


@pytest.mark.parametrize("readme", [README, CHINESE_README], ids=["en", "zh"])
def test_the_python_example_of_the_readme_runs(tmp_path: Path, readme: str) -> None:
    [example] = re.findall(r"^```python\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    program = example.replace('Server("notes.sqlite3")', 'Server("notes.sqlite3", bind="127.0.0.1", port=0) as server')
    program = program.replace('"localhost"', 'f"127.0.0.1:{server.port}"')
    environment = {"UDPNOTE_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert re.fullmatch("1 今天开会\n1 .* 今天开会\n", done.stdout)
