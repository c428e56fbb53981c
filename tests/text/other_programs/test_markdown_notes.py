"""Markdown: which time, title and tags a note gets, and where a file is split into notes."""

import pytest

from tests.support.other_programs import SAMPLES, Read, microseconds_at
from udpnote.text.other_programs.markdown_notes import MarkdownFile, markdown_notes

CHANGED_AT = microseconds_at("2026-05-05 05:05")


def read(path: str, text: str = "", folder: str = "vault") -> Read:
    return Read(markdown_notes, MarkdownFile(folder, path, text or (SAMPLES / "vault" / path).read_text(), CHANGED_AT))


def test_a_daily_file_is_a_note_for_each_heading_with_a_date_or_time() -> None:
    found = read("2026-11-23.md")
    assert found.times == ["2026-11-23T00:00", "2026-11-23T09:15", "2026-11-23T21:40"]
    assert found.texts[::2] == ["Slept well.", "写完了报告。"]
    assert found.texts[1].startswith("Breakfast with Lin\nCongee") and "## 10:00 is code" in found.texts[1]
    assert [note.place.line for note in found.notes] == [1, 5, 12]


@pytest.mark.parametrize(
    ("path", "time", "text"),
    [
        ("journals/2026_11_24.md", "2026-11-24T00:00", "- 上午开会 #会议\n- bought milk\n\n#work #home"),
        (
            "notes/Garden plan.md",
            "2026-02-14T08:30",
            "Garden plan 🌱\n\nBeds along the south wall, see [[Tomatoes]] and ![[bed.png]].\n\n#garden #spring-work",
        ),
        ("notes/2026-03-09-first-post.md", "2026-03-09T21:05", "第一篇\n\nHello from Jekyll.\n\n#writing #随笔 #blog"),
    ],
)
def test_obsidian_logseq_and_jekyll_files_keep_date_title_and_tags(path: str, time: str, text: str) -> None:
    found = read(path)
    assert (found.times, found.texts) == ([time], [text])


@pytest.mark.parametrize(
    ("path", "text", "time", "texts"),
    [
        ("Pasta.md", "Boil.", "2026-05-05T05:05", ["Pasta\n\nBoil."]),
        ("Pasta.md", "# PASTA!\nBoil.", "2026-05-05T05:05", ["# PASTA!\nBoil."]),
        ("2026-11-23 周一.md", "a", "2026-11-23T00:00", ["a"]),
        ("T\udcff.md", "a", "2026-05-05T05:05", ["T?\n\na"]),
        ("202611230915 Tea.md", "a", "2026-11-23T09:15", ["Tea\n\na"]),
        ("2026-11-23.md", "## 下午3:05 茶\na", "2026-11-23T15:05", ["茶\na"]),
        ("x.md", "## 2026年11月23日星期一上午9:05\na", "2026-11-23T09:05", ["a"]),
        ("2020/08/31.md", "a", "2020-08-31T00:00", ["a"]),
        ("L.md", "# L\n\n## 2026年11月23日\na\n### c\n## 2026-11-24, 9:15pm\nb", "2026-11-23T00:00", ["# L\n\na\n### c", "b"]),
        ("Log.md", "intro\n## 10:30\na\n## 2026-13-01\nb", "2026-05-05T05:05", ["Log\n\nintro\n## 10:30\na\n## 2026-13-01\nb"]),
        ("a.md", "---\ndate: 2026-01-02T03:04:05Z\n---\na", "2026-01-02T03:04", ["a"]),
        ("a.md", "---\ndate: soon\ncreated: 2026-01-02\n---\na", "2026-01-02T00:00", ["a"]),
    ],
)  # fmt: skip
def test_the_time_comes_from_heading_front_matter_name_or_the_last_change(
    path: str, text: str, time: str, texts: list[str]
) -> None:
    found = read(path, text)
    assert (found.times[0], found.texts) == (time, texts)


def test_the_author_is_that_of_the_front_matter_if_it_has_one() -> None:
    assert [note.author for note in read("x.md", "---\nauthor: '小明'\nb: 1\n---\na").notes] == ["小明"]
    assert read("x.md", f"---\nauthor: {'x' * 200}\n---\na").places == [("bad_import_in_file", {"path": "x.md", "line": 4})]


def test_identities_stay_when_texts_change_and_differ_between_files_headings_and_folders() -> None:
    text = "a\n## 09:15\nb\n## 09:15\nc\n"
    old, new = read("2026-11-23.md", text), read("2026-11-23.md", text.replace("b", "B") + "\n## 10:00\nd")
    assert new.identities[:3] == old.identities and len(set(new.identities)) == 4
    assert not set(old.identities) & {
        *read("x/2026-11-23.md", text).identities,
        *read("2026-11-23.md", text, "other").identities,
    }
    assert all(note.may_move and note.may_change for note in old.notes)


def test_properties_of_logseq_may_be_long_and_may_be_there_twice() -> None:
    long = read("x.md", f"alias:: {'y' * 3000}\na")
    assert (long.texts, long.notes[0].place.line) == (["x\n\na"], 2)
    twice = read("x.md", "tags:: b\ntags:: c\na")
    assert (twice.texts, twice.notes[0].place.line) == (["x\n\na\n\n#b #c"], 3)


@pytest.mark.parametrize(
    "properties",
    [
        "tags:: a b\nTags:: c, [[d e]]\nauthor:: amy\nauthor:: bob\n",
        "- tags:: a b\n  Tags:: c, [[d e]]\n  author:: amy\n  author:: bob\n",
        "---\ntags: a b\nTags: [c, d e]\nauthor: amy\nauthor: bob\n---\n",
        "---\ntags:\n- a\n- b\nauthor:\nauthor: amy\ntags:\n- c\n- d e\n---\n",
    ],
    ids=["Logseq", "Logseq, in a block", "YAML", "lists in YAML"],
)
def test_all_values_of_a_property_that_is_there_twice_count_and_the_author_is_the_first(properties: str) -> None:
    found = read("x.md", f"{properties}text")
    assert found.texts == ["text\n\n#a #b #c #d-e"]
    assert [note.author for note in found.notes] == ["amy"]


@pytest.mark.parametrize(
    ("text", "amounts"), [("\n", {"empty": 1}), ("---\na: b\ntags: [x]\n---\n# 2026-11-23\n", {"empty": 1, "properties": 1})]
)
def test_files_without_text_and_properties_are_counted(text: str, amounts: dict[str, int]) -> None:
    found = read("x.md", text)
    assert (found.texts, found.amounts) == ([], amounts)


def test_a_date_that_is_not_understood_is_counted() -> None:
    found = read("2026-11-23.md", "---\ndate: Jan 2, 2026\n---\na")
    assert (found.times, found.amounts) == (["2026-11-23T00:00"], {"date_properties": 1})


@pytest.mark.parametrize(
    ("block", "is_kept"),
    [
        ("Shopping list\nmilk", True), ("Shopping: milk\nand bread", True), ("- a\n- b", True), ("", False),
        ("# from a template\n\ntitle: a", False), ("a: |\n  b\nc:\n- d\n-\n-  e\n# f", False),
        ("a: [\n b\n]\n'c d': e", False),
    ],
)  # fmt: skip
def test_text_between_two_rules_is_kept_unless_it_is_front_matter(block: str, is_kept: bool) -> None:
    text = f"---\n{block}\n---\nrest"
    assert ("rest" in read("2026-11-23.md", text).texts[0], read("2026-11-23.md", text).texts == [text]) == (True, is_kept)
