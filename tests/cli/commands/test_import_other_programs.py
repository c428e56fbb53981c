"""`udpnote import` of files of other programs: each note is imported once, and everything that is left out is named."""

import json
import os
import shutil
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_LZMA, ZipFile

import pytest

from tests.support.machine import Machine
from tests.support.notebook_files import change
from tests.support.other_programs import SAMPLES
from udpnote.cli.importing.report import NAMED_MAX

WRITTEN = "2024-05-01T02:14:09Z"
MEMOS = """
CREATE TABLE memo (id INTEGER PRIMARY KEY, uid TEXT, created_ts BIGINT, content TEXT, visibility TEXT);
INSERT INTO memo VALUES (1, 'G3BL', 1715041619, '早 #茶', 'PRIVATE'), (2, 'hZ9U', 1715041620, 'two', 'PUBLIC');
"""


def imported(machine: Machine, path: Path, *options: str) -> dict[str, Any]:
    """The counts of `import --json` that are not 0."""
    [counts] = machine.json("import", "--json", str(path), *options)
    return {name: count for name, count in counts.items() if count}


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """The samples in all formats, with a zip file and a database."""
    folder = shutil.copytree(SAMPLES, tmp_path / "sources")
    with ZipFile(folder / "day-one.zip", "w", ZIP_DEFLATED) as archive:
        archive.write(folder / "day-one.json", "Journal.json")
        archive.writestr("photos/0f1e2d3c4b5a69788796a5b4c3d2e1f0.jpeg", b"\xff\xd8")
    change(folder / "memos_prod.db", MEMOS)
    return folder


@pytest.mark.parametrize(
    ("name", "new", "left_out", "tags"),
    [
        ("jrnl.txt", 5, set(), "#garden #mei #starred #读书"),
        ("jrnl.json", 5, set(), "#garden #mei #starred #读书"),
        ("day-one.json", 2, {"pictures", "recordings", "places", "details", "empty"}, "#starred #travel #with-mei #书法"),
        ("day-one.zip", 2, {"pictures", "recordings", "places", "details", "empty"}, "#starred #travel #with-mei #书法"),
        ("memos.json", 2, {"attachments", "privacy", "relations"}, "#archived #cmd #docker #pinned #生活"),
        ("memos_prod.db", 2, {"privacy"}, "#茶"),
        ("vault", 6, {"files", "hidden", "properties", "empty"},
         "#blog #food #garden #home #spring-work #work #writing #会议 #随笔"),
    ],
)  # fmt: skip
def test_each_format_is_recognized_and_a_second_import_adds_nothing(
    served: Machine, sources: Path, name: str, new: int, left_out: set[str], tags: str
) -> None:
    path, file = sources / name, ("--file", str(sources / "new.sqlite3"))
    for where in ((), file):
        assert imported(served, path, "--dry-run", *where)["imported"] == new
        counts = imported(served, path, *where)
        assert (counts["imported"], set(counts.get("left_out", {}))) == (new, left_out)
        assert imported(served, path, *where) | {"left_out": 0} == {"there_already": new, "left_out": 0}
        assert imported(served, path, "--dry-run", *where)["there_already"] == new
        assert sorted(row["tag"] for row in served.json("tags", "--json", *where)) == [tag[1:] for tag in tags.split()]
    assert len(served.rows()) == new


def test_both_formats_of_a_journal_and_the_zip_of_an_export_are_the_same_notes(served: Machine, sources: Path) -> None:
    for first, second in (("jrnl.txt", "jrnl.json"), ("day-one.json", "day-one.zip")):
        new = imported(served, sources / first)["imported"]
        assert imported(served, sources / second)["there_already"] == new
    served.refused("import -", code=0, facts=["5 there already"], typed=(sources / "jrnl.json").read_bytes())


def test_a_changed_file_revises_its_note_unless_the_note_was_changed_in_the_notebook(served: Machine, sources: Path) -> None:
    vault, plan = sources / "vault", sources / "vault" / "notes" / "Garden plan.md"
    imported(served, vault)
    [number] = [row.number for row in served.rows() if row.text.startswith("Garden")]
    plan.write_text(plan.read_text() + "\nand beans")
    assert imported(served, vault)["revised"] == 1
    assert imported(served, vault)["there_already"] == 6
    assert "and beans" in served.run(f"show {number}").out
    plan.rename(vault / "Garden plan.md")
    assert imported(served, vault)["there_already"] == 6
    (vault / "Garden plan.md").rename(plan)
    served.run(f"edit {number} mine")
    plan.write_text(plan.read_text() + "\nand peas")
    said = served.refused(f"import {vault}", facts=[f"1 has other content in the notebook, which stays as it is: #{number}"])
    assert "5 there already" in said and "mine" in served.run(f"show {number}").out
    served.run(f"delete {number}")
    assert imported(served, vault)["there_already"] == 6
    assert imported(served, plan)["imported"] == 1


def test_bad_files_and_records_are_named_and_links_are_not_followed(served: Machine, sources: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("secret")
    vault = sources / "vault"
    (vault / "link.md").symlink_to(tmp_path / "secret.md")
    (vault / "links").symlink_to(tmp_path)
    (vault / "gbk.md").write_bytes("今天".encode("gb18030"))
    (vault / "binary.md").write_bytes(b"a\0b")
    said = served.refused(f"import {vault}", facts=["gbk.md, line 1", "binary.md, line 1", "4 hidden", "6 entries imported"])
    assert "secret" not in said and not [text for text in served.texts() if "secret" in text]
    entries = json.loads((sources / "day-one.json").read_text())["entries"]
    (sources / "bad.json").write_text(json.dumps({"entries": [*entries, {"uuid": "x", "text": "no time"}]}))
    served.refused(f"import {sources}/bad.json", facts=["entry 4", "creationDate", "2 entries imported"])
    (sources / "cut.json").write_text((sources / "memos.json").read_text()[:-400])
    served.refused(f"import {sources}/cut.json", facts=["1 entry imported", "damaged or cut off"])


def test_files_and_folders_that_may_not_be_read_are_named_and_the_others_are_imported(machine: Machine, tmp_path: Path) -> None:
    vault, names = tmp_path / "vault", ["0/00.md", *(f"{number:02}.md" for number in range(1, NAMED_MAX + 1))]
    for name in (*names, "closed/a.md", "last.md"):
        path = vault / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        path.chmod(0o600 if name == "last.md" else 0)
    (vault / "closed").chmod(0)

    def import_vault() -> str:
        command = ["import", str(vault), "--file", str(tmp_path / "new.sqlite3")]
        result = machine.start(*command, is_powerless=os.geteuid() == 0).wait()
        assert (result.code, result.out) == (1, "")
        return result.err

    said = import_vault()
    unnamed = [name for name in ("closed", *names) if f"{vault}/{name} (Permission denied)" not in said]
    assert unnamed == names[-2:] and "2 more" in said and "1 entry imported" in said, said
    (vault / "last.md").unlink()
    said = import_vault()
    assert "0 entries imported" in said and "vault/closed (Permission denied)" in said and "another program" not in said, said
    shutil.rmtree(vault)
    (vault / "closed").mkdir(parents=True, mode=0)
    said = import_vault()
    assert f"{vault}/closed (Permission denied)" in said and ".md" not in said, said


def test_an_import_of_nothing_suggests_another_program_only_if_the_format_may_be_another(
    machine: Machine, sources: Path
) -> None:
    chinese = "今天开会".encode("gb18030")
    data = (sources / "day-one.zip").read_bytes()
    with ZipFile(sources / "name.zip", "w") as archive:
        archive.writestr("日记.json", "{}")
    name_in_zip = "日记".encode()
    for name, content, is_other in (
        ("gbk.md", chinese, False),
        ("gbk.txt", b"2026/11/23 10:00:00\n" + chinese, False),
        ("gbk-journal.txt", b"[2026-11-23 10:00] " + chinese, False),
        ("cut.zip", data[: len(data) // 2], False),
        ("name.zip", (sources / "name.zip").read_bytes().replace(name_in_zip, b"\xff" * len(name_in_zip), 1), False),
        ("place.zip", data[:-6] + (len(data) + 1000).to_bytes(4, "little") + data[-2:], False),
        ("fields.jsonl", b'{"a": 1}', True),
    ):
        (sources / name).write_bytes(content)
        said = machine.refused(f"import {sources}/{name} --file {sources}/new.sqlite3")
        assert ("another program (" in said) is is_other, said
    (sources / "gbk").mkdir()
    for number in range(NAMED_MAX + 1):
        (sources / "gbk" / f"{number:02}.md").write_bytes(chinese)
    said = machine.refused(f"import {sources}/gbk --file {sources}/new.sqlite3", facts=["00.md", "iconv", "1 more"])
    assert said.count("iconv") == NAMED_MAX, said


def test_a_source_that_cannot_be_read_is_refused_with_the_way_out(served: Machine, sources: Path) -> None:
    (sources / "german.txt").write_text("[09.06.2013 15:39] Eins\n[10.06.2013 15:40] Zwei\n")
    (sources / "empty folder").mkdir()
    with ZipFile(sources / "pictures.zip", "w") as archive:
        archive.writestr("a.jpeg", b"\xff")
    (sources / "cut.zip").write_bytes((sources / "day-one.zip").read_bytes()[:200])
    ZipFile(sources / "empty.zip", "w").close()
    with ZipFile(sources / "lzma.zip", "w", ZIP_LZMA) as archive:
        archive.write(sources / "day-one.json", "Journal.json")
    data = (sources / "lzma.zip").read_bytes()
    (sources / "lzma.zip").write_bytes(data[:100] + bytes(100) + data[200:])
    data = (sources / "memos_prod.db").read_bytes()
    (sources / "damaged.db").write_bytes(data[:100] + bytes(len(data) - 100))
    for command, fact in (
        (f"import {sources}/german.txt", "--format"),
        (f"import --format jrnl {sources}/german.txt", "--date-format"),
        (f"import --format memos {sources}/vault", "folder"),
        (f"import --format jrnl {sources}/memos_prod.db", "leave out --format"),
        (f"import '{sources}/empty folder'", ".md"),
        (f"import {sources}/pictures.zip", "unpack it"),
        (f"import {sources}/cut.zip", "get the zip file again"),
        (f"import {sources}/empty.zip", "is empty"),
        (f"import {sources}/lzma.zip", "get the zip file again"),
        (f"import {sources}/damaged.db", "from the host of memos"),
        (f"import {served.notebook}", "udpnote export --file"),
    ):
        served.refused(command, facts=[fact])
    served.refused(f"import --date-format %H:%M {sources}/german.txt", code=2, facts=["has no %Y, %m and %d"])
    served.refused("import --format markdown -", facts=["path"])
    served.refused("import -", facts=["path"], typed=(sources / "memos_prod.db").read_bytes())
    assert imported(served, sources / "german.txt", "--date-format", "%d.%m.%Y %H:%M") == {"imported": 2}


def test_a_long_export_fills_no_memory(machine: Machine, tmp_path: Path) -> None:
    with open(tmp_path / "Journal.json", "w") as out:
        out.write('{"metadata": {}, "entries": [')
        for number in range(64):
            rich = "x" * 1_000_000
            out.write(f'{{"uuid": "{number:032X}", "creationDate": "{WRITTEN}", "text": "{number}", "richText": "{rich}"}},')
        out.write(f'{{"uuid": "F", "creationDate": "{WRITTEN}", "text": "last"}}]}}')
    target = os.fspath(tmp_path / "new.sqlite3")
    result = machine.shell(f"ulimit -v 400000; udpnote import {tmp_path}/Journal.json --file {target}")
    assert (result.code, "65 entries imported" in result.err) == (0, True), result
