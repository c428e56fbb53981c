"""`udpnote import`: exported notes are imported again, unchanged and once."""

import json
import re
import signal
import threading
from pathlib import Path

import pytest

from tests.support.exports import mixed_log, notes
from tests.support.machine import Machine
from udpnote.cli.importing.report import ImportReport
from udpnote.client.sending.import_queue import Imported, ImportOutcome
from udpnote.errors import EntryRefused, ServerNotFound
from udpnote.text.import_format import Format
from udpnote.text.jsonl import parse_jsonl

OLD_ENTRY = "2019/05/09 16:37:08\n我是一个中文\n\n".encode()
"""An entry in the file format of the program that came before udpnote."""


def imported(machine: Machine, path: Path, *options: str, **environ: str) -> dict[str, int]:
    """The counts of `import --json` that are not 0."""
    result = machine.run("import", "--json", str(path), *options, **environ)
    counts: dict[str, int] = json.loads(result.out)
    numbers = ["imported", "revised", "there_already", "erased", "different", "orphaned", "bad_lines"]
    assert list(counts) == [*numbers, "left_out"]
    is_complete = not (counts["different"] or counts["orphaned"] or counts["bad_lines"])
    assert result.code == (0 if is_complete else 1), result
    return {name: count for name, count in counts.items() if count}


def exported(machine: Machine, *options: str) -> str:
    return machine.run("export", *options).out


def test_an_export_is_the_same_after_it_was_imported_elsewhere(served: Machine, file: Path, tmp_path: Path) -> None:
    log = mixed_log(150, seed=21)
    file.write_text("")
    assert imported(served, file) == {}
    file.write_text(log.jsonl)
    new = ("--file", str(tmp_path / "new.sqlite3"))
    assert imported(served, file) == imported(served, file, *new) == {"imported": 150}
    assert exported(served) == exported(served, *new) == log.jsonl
    served.refused("import -", code=0, facts=["150 there already"], typed=log.jsonl)
    assert imported(served, file, *new) == {"there_already": 150}
    assert exported(served) == exported(served, *new) == log.jsonl


def test_import_names_different_entries_and_revisions_of_missing_ones(served: Machine, file: Path) -> None:
    served.send("the first number is taken")
    file.write_text(notes("one", "two").jsonl)
    imported(served, file)
    log = notes("one", "TWO", "three")
    log.revise(2, "TWO, revised")
    log.delete(4)
    file.write_text(log.jsonl)
    served.refused(f"import {file}", facts=["1 entry imported", "#2", "#4", "#5"])
    assert imported(served, file) == {"there_already": 2, "different": 1, "orphaned": 2}
    assert served.texts() == ["the first number is taken", "one", "two", "three"]


def test_an_interrupted_import_is_continued_by_the_same_command_and_shows_its_progress(machine: Machine, file: Path) -> None:
    log = notes(*(f"第{number}条" for number in range(5000)))
    file.write_text(log.jsonl)
    is_fast = threading.Event()
    machine.serve(on_stored=lambda _: is_fast.wait(0.003))  # a server that takes a quarter of a minute for all of them
    terminal = machine.terminal()
    importing = machine.start("import", str(file), "--wait", "60", stderr=terminal.descriptor)
    terminal.expect(r"\d+ entries, [\d,]+/s .*\d:\d\d:\d\d")
    assert importing.end(signal.SIGINT).code == 130
    terminal.expect("interrupted: ")
    is_fast.set()
    assert 0 < len(machine.texts()) < 5000
    assert set(imported(machine, file)) == {"imported", "there_already"}
    assert exported(machine) == log.jsonl


def test_an_interrupted_or_failed_rehearsal_calls_nothing_imported(capsys: pytest.CaptureFixture[str]) -> None:
    report = ImportReport(Format.JSONL, is_rehearsal=True)
    report.count_outcome(Imported(parse_jsonl(notes("one").jsonl), ImportOutcome.NEW, 0))
    report.cut_short(ServerNotFound("no_server"))
    assert report.interrupted() == 130
    assert capsys.readouterr().err == "udpnote: nothing was changed\n"


def test_a_rehearsal_says_that_it_has_not_checked_the_disk(served: Machine, file: Path) -> None:
    file.write_text(notes("one").jsonl)
    for fact in ("1 entry imported", "has disk space"):
        served.refused(f"import --dry-run {file}", code=0, facts=[fact])
    served.run(f"import {file}")
    assert "has disk space" not in served.run(f"import --dry-run {file}").err


def test_entries_without_an_answer_may_be_stored_unless_the_notebook_has_refused_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    report = ImportReport(Format.JSONL)
    entries = report.watched(notes(*map(str, range(1001))).entries)
    assert report.interrupted() == 130
    for _ in range(3):
        report.count_outcome(Imported(next(entries), ImportOutcome.NEW, 0))
    next(entries)
    report.cut_short(ServerNotFound("no_server"))
    list(entries)
    assert report.interrupted() == 130
    report.cut_short(EntryRefused("import_refused", number=4, status="REFUSED"))
    said = capsys.readouterr().err.splitlines()
    assert [re.findall("([0-9]+) entr[a-z]+ imported", line) for line in said] == [["0"], ["3"], ["3"], ["3"]]
    assert [re.findall("([0-9]+) more", line) for line in said] == [[], ["1"], ["998"], []]


def test_a_file_of_the_older_program_is_imported_and_exported_unchanged(served: Machine, file: Path) -> None:
    file.write_bytes(OLD_ENTRY + "2019/05/09 16:37:09\n两行\n的记录\n\n".encode())
    assert imported(served, file, "--author", "小明") == {"imported": 2}
    assert exported(served, "--format", "text") == file.read_text()
    assert {row.author for row in served.rows()} == {"小明"}
    assert served.rows()[0].written_at == 1_557_391_028_000_000
    assert imported(served, file) == imported(served, file, TZ="UTC") == {"there_already": 2}, "by any user, in any time zone"


def test_a_text_file_that_was_exported_adds_nothing_to_its_notebook_even_after_changes(served: Machine, file: Path) -> None:
    for text in ("one", "今天开会 🎉", "two\n2019/05/09 16:37:08\nlines"):
        served.send("--whole", typed=text)
    served.run("export", "--format", "text", "-o", str(file))
    for change in (None, "edit 1 changed", "delete 2"):
        assert change is None or served.run(change).code == 0
        assert imported(served, file, "--author", "bob") == {"there_already": 3}
    new = ("--file", str(file.parent / "new.sqlite3"))
    assert imported(served, file, *new, "--author", "bob") == {"imported": 3}
    assert imported(served, file, *new) == {"there_already": 3}
    assert exported(served, "--format", "text", *new) == file.read_text()
    served.send("four")
    assert imported(served, file) == {"there_already": 3}


def test_a_file_that_is_no_export_is_refused_and_bad_lines_are_named_and_the_others_imported(
    served: Machine, file: Path
) -> None:
    lines = notes("one", "two", "three").jsonl.splitlines()
    file.write_text("\n".join([lines[0], '{"number": 2', "", lines[1].replace("two", "  "), lines[2]]))
    said = served.refused(f"import {file}")
    assert re.search("line 2.*\n.*line 4.*\n.*2 entries imported", said)
    assert (served.texts(), said.count("\n")) == (["one", "three"], 3)
    assert imported(served, file) == {"there_already": 2, "bad_lines": 2}
    file.write_text(lines[0] + "\n{}" * 1000)
    assert served.refused(f"import {file}", facts=["980"]).count("\n") == 22, "of many, only some are named"
    assert imported(served, file) == {"there_already": 1, "bad_lines": 1000}
    utf_16 = [OLD_ENTRY.decode().encode(encoding) for encoding in ("utf-16", "utf-16-le", "utf-16-be")]
    for content in (b"Dear diary\n", b"{}\n" * 1000, b'{"a": 1}\n{"b": 2}\n', b'{\n  "a": 1\n}\n', *utf_16):
        file.write_bytes(content)
        said = served.refused(f"import --json {file}")
        assert (said.count("\n"), "UTF-16" in said) == (1, content in utf_16)
    file.write_text("{}\n" * 19 + lines[0])
    assert served.refused(f"import {file}").count("\n") == 20, "the bad lines before the first entry are named, too"
    file.write_bytes(OLD_ENTRY.decode().encode("gb18030") + OLD_ENTRY)
    assert re.search("line 1.*iconv", served.refused(f"import {file}"))
    assert served.texts() == ["one", "three", "我是一个中文"]


def test_an_endless_line_is_a_bad_one_and_fills_no_memory(served: Machine, file: Path) -> None:
    good = notes("one").jsonl
    with open(file, "w") as out:
        out.write(good)
        for _ in range(100):
            out.write('{"text": "' + "x" * 1_000_000)
        out.write("\n" + good.replace('"one"', '"two"').replace('"sequence": 1', '"sequence": 2'))
    result = served.shell(f"ulimit -v 400000; udpnote import {file}")
    assert (result.code, served.texts()) == (1, ["one", "two"]), result
    assert result.err.count("line 2") == 1


def test_a_file_that_cannot_be_read_or_written_is_named_and_without_a_server_nothing_is_imported(
    machine: Machine, file: Path
) -> None:
    file.write_text(notes("one").jsonl)
    machine.refused(f"import {file} --wait 0.2", code=69, facts=[machine.port])
    machine.run("send --wait 0.1 queued")
    machine.serve()
    for path in (file.parent / "nowhere.jsonl", file.parent):
        machine.refused(f"import {path}", facts=[path])
    machine.refused(f"import {file} --file {machine.notebook}", facts=["--file"])  # its server has it
    assert imported(machine, file) == {"imported": 1}
    assert sorted(machine.texts()) == ["one", "queued"], "the queue is delivered too"
