"""Terminals without UTF-8: characters that they lack are shown by escapes, and all input is stored as it was typed."""

import json
from pathlib import Path

import pytest

from tests.support.machine import Machine, note
from udpnote.cli.terminal.other_encodings import JSON_ESCAPES, TEXT_ESCAPES

NOTES = "今天开会，下午三点", "路", "牛奶"
PARTY = "派对 🎉\n5 µs"


@pytest.mark.parametrize(
    ("handler", "shown"), [(TEXT_ESCAPES, "中^J^?\\U0001f389éu"), (JSON_ESCAPES, "中\\u240a\\u2421\\ud83c\\udf89é\\u00b5")]
)
def test_characters_that_an_encoding_lacks_are_escaped(handler: str, shown: str) -> None:
    assert "中␊␡🎉éµ".encode("gb2312", handler).decode("gb2312") == shown


@pytest.mark.parametrize("encoding", ["gbk", "gb18030"])
def test_standard_input_and_outputs_are_in_the_encoding_of_the_locale(machine: Machine, encoding: str) -> None:
    machine.keep(note(1, PARTY))
    machine.serve()
    typed = "\n".join(NOTES).encode(encoding)
    sent = machine.run("send", typed=typed, encoding=encoding)
    assert (sent.code, [line.split("  ")[-1] for line in sent.lines]) == (0, [*NOTES])
    assert machine.run("send --whole", typed="两\n行".encode(encoding), encoding=encoding).code == 0
    assert machine.run("write", typed="写\nquit\n".encode(encoding), encoding=encoding).code == 0
    assert machine.texts() == [PARTY, *NOTES, "两\n行", "写"]
    listed = machine.run("list --on 2026-11-23", encoding=encoding).out
    assert listed.split("  ")[-1] == ("派对 🎉␊5 µs\n" if encoding == "gb18030" else "派对 \\U0001f389^J5 us\n")
    assert json.loads(machine.run("show 1 --json", encoding=encoding).out)["text"] == PARTY


@pytest.mark.parametrize(
    ("typed", "encoding", "says"),
    [("今天".encode(), "gbk", "LC_ALL"), (b"\x81", "gbk", "GBK"), ("今天".encode("gbk"), "utf-8", "GB18030")],
)
def test_input_in_another_encoding_than_that_of_the_locale_is_refused(
    machine: Machine, typed: bytes, encoding: str, says: str
) -> None:
    machine.keep(note(1, "one"))
    machine.serve()
    for command, code in (("send", 1), ("send --whole", 2), ("edit 1 -", 2)):
        result = machine.run(command, typed=typed + b"\nquit\n", encoding=encoding)
        assert (result.code, says in result.err) == (code, True), result
    before = machine.texts()
    refused = machine.run("write", typed=typed + b"\nquit\n", encoding=encoding)
    assert (says in refused.out, machine.texts()) == (True, before)
    machine.run("send", typed="\ufeff今天\n明天".encode(), encoding="gbk")
    assert [text for text in machine.texts() if text != "quit"] == ["one", "今天", "明天"]


def test_the_editor_uses_the_encoding_of_the_locale_and_gets_no_text_that_does_not_fit(
    machine: Machine, tmp_path: Path
) -> None:
    machine.keep(note(1, "牛奶"), note(2, PARTY))
    machine.serve()
    (tmp_path / "editor").write_bytes("cat $1 > seen; echo 豆浆 > $1".encode("gbk"))
    environ = {"VISUAL": f"sh -c 'cd {tmp_path}; . ./editor' --", "TMPDIR": str(tmp_path)}
    assert machine.run("edit 1", encoding="gbk", **environ).code == 0
    assert ((tmp_path / "seen").read_bytes(), machine.texts()[-1]) == ("牛奶\n".encode("gbk"), "豆浆")
    refused = machine.run("edit 2", encoding="gbk", **environ)
    assert (refused.code, "GBK" in refused.err, "\\U0001f389" in refused.err, len(machine.texts())) == (2, True, True, 3)


def test_frames_and_charts_are_drawn_in_ascii(machine: Machine) -> None:
    machine.keep(*(note(number, "one", f"2026-{number:02}-01T07:52:59+08:00") for number in range(1, 10)))
    drawn = [machine.run(command, encoding="gbk").out for command in ("backup --help", f"stats --file {machine.notebook}")]
    assert [text.isascii() for text in drawn] == [True, True]
    assert not machine.run("backup --help").out.isascii()


def test_json_is_valid_where_python_takes_the_encoding_for_ascii(machine: Machine) -> None:
    machine.keep(note(1, PARTY))
    machine.serve()
    assert json.loads(machine.start("list", "--json", environ={"PYTHONIOENCODING": "ascii"}).wait().out)["text"] == PARTY
