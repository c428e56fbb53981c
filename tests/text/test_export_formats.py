"""Exports: a notebook reads well as Markdown, as a web page and as CSV, and no note is markup, a script or a formula."""

import csv
import io
import re
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.support.exports import notes
from tests.support.golden import CLIENT_ID, WRITTEN_AT
from tests.support.texts import authors, texts
from udpnote.model.entry import TEXT_BYTES_MAX, Entry, Kind, StoredEntry
from udpnote.text.export_formats import csv_table, markdown, web_page
from udpnote.text.harmless import harmless, harmless_lines

DAY = 86_400_000_000

GOLDEN = r"""# 实验室

## 2019-05-09

- **16:37:08** 小明 · #1

  我是一个中文

- **16:37:09** amy@pi · #2

  \# Plan for \*nobody\*\
  1\. buy milk & eggs for \$5\
  \- see https://example.org/a_b?c=d&e=f

  x = y \* 2

## 2019-05-10

- **16:37:08** amy@pi · #4

  \<!-- done
"""


def note(number: int, text: str, written_at: int = WRITTEN_AT, author: str = "amy@pi") -> StoredEntry:
    return StoredEntry(number, written_at, Entry(CLIENT_ID, number, Kind.NOTE, written_at, 480, author, text), number)


def render(*notes: StoredEntry, name: str = "实验室") -> str:
    return "".join(markdown(name, notes))


def test_golden_markdown_has_a_heading_whenever_the_writers_day_changes() -> None:
    plan = "# Plan for *nobody*\n1. buy milk & eggs for $5\n- see https://example.org/a_b?c=d&e=f\n\nx = y * 2\n"
    notes = (
        note(1, "我是一个中文", author="小明"),
        note(2, plan, WRITTEN_AT + 1_000_000),
        note(4, "<!-- done", WRITTEN_AT + DAY),
    )
    assert render(*notes) == GOLDEN
    assert render() == "# 实验室\n"
    entry = note(1, "milk").entry
    travelled = [StoredEntry(1, 0, entry._replace(utc_offset=offset, written_at=-1), 1) for offset in (0, 1, 0)]
    days = [line for line in render(*travelled).splitlines() if line.startswith("## ")]
    assert days == ["## 1969-12-31", "## 1970-01-01", "## 1969-12-31"]


def parse(text: str) -> list[Token]:
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)


def visible(inline: Token) -> str:
    """The text of a paragraph; anything but text and line breaks is an error."""
    for token in inline.children or []:
        assert token.type in ("text", "text_special", "hardbreak"), token
    return "".join("\n" if token.type == "hardbreak" else token.content for token in inline.children or [])


FIRST = ["heading_open", "inline", "heading_close"] * 2 + ["bullet_list_open"]

NASTY = [
    "C #", "a | b\n:-- | --", "a | b\n|---|---|", "# heading", "#tag", "####### seven", "title\n===", "title\n---", "***",
    "- - -", "___", "* item", "+ item", "- item", "1. one", "12) twelve", "> quote", "```\ncode", "~~~\ncode", "    code",
    "\tcode", "a\n    b", "`code`", "*a*", "**a**", "_a_", "__a__", "a_b_c", "_", "a__b", "~~a~~", "[a](b)", "[a]: b",
    "![a](b)", "[a]", "<b>", "</li></ul>", "<!-- never closed", "<div>", "<?php", "<![CDATA[", "<http://a>", "&amp;",
    "&#x41;", "& &", "AT&T;", "a | b\n--- | ---\nc | d", "| a |\n|---|", "a\\", "\\*", "a  \nb", "a\\\nb", "a\n\n\n\nb",
    "\n\na", "  a\n   b", "中文*强调*", "\u00a0# a", "\u3000# a", "a\r\nb", "a\rb", "$x$", "- [ ] task", "1\n.", "2026.11.23",
    "-5", "=", ":--", "\x0b# a", "\x1f# a", "C:\\Users\\amy", "[^1]: note", "\\",
]  # fmt: skip


def lines_of(text: str) -> list[str]:
    """The lines of a note as far as they can be seen: not blank, without space at their ends."""
    return [shown for line in text.splitlines() if (shown := harmless_lines(line).strip())]


def check_is_text(text: str) -> None:
    tokens = parse(render(note(1, text), note(2, "the next one")))
    types = [token.type for token in tokens]
    assert types[: len(FIRST)] == FIRST
    assert types.count("list_item_open") == 2
    item = {"list_item_open", "list_item_close", "paragraph_open", "paragraph_close", "inline"}
    assert set(types[len(FIRST) :]) <= {*item, "bullet_list_close"}
    end = types.index("list_item_close")
    paragraphs = [visible(token) for token in tokens[len(FIRST) + 4 : end] if token.type == "inline"]
    assert lines_of("\n".join(paragraphs)) == lines_of(text)


@pytest.mark.parametrize("text", NASTY)
def test_markup_in_a_note_a_name_or_an_author_is_text(text: str) -> None:
    check_is_text(text)
    if "code" in text and text.startswith(("    ", "\t")):
        text = text.strip()  # a heading has no space at its ends
    tokens = parse(render(note(1, "milk", author=text), name=text))
    assert [token.type for token in tokens][: len(FIRST)] == FIRST
    assert [token.type for token in tokens].count("list_item_open") == 1
    assert visible(tokens[1]).split() == harmless_lines(" ".join(text.splitlines())).split()


@given(
    st.lists(st.sampled_from([*NASTY, "\n", "\n\n", " ", "    ", "中", "a"]), min_size=1, max_size=6).map("".join)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
)
@example("a\n  ---")
def test_markup_in_a_note_is_text_however_it_is_put_together(text: str) -> None:
    if text.strip():
        check_is_text(text)


class Page(HTMLParser):
    """The elements of a page as a browser reads it, and the texts, each with the name of its element."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(content)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if data != "\n":
            self.texts.append((self.elements[-1][0], data))


def page(name: str, *written: str, author: str = "小明") -> Page:
    entries = [each._replace(entry=each.entry._replace(author=author)) for each in notes(*written).entries]
    return Page("".join(web_page(name, entries)))


@given(texts, authors)
def test_html_in_a_note_is_text_on_the_page(text: str, author: str) -> None:
    for content in (text, f"<script>{text}</script> & <p>\n'>\"--><!--"):
        shown = page(content, content, author=author)
        assert [tag for tag, _ in shown.elements[8:]] == ["h1", "h2", "article", "header", "time", "bdi", "a", "p"]
        found = dict(reversed(shown.texts))
        assert (found["p"], found["h1"], found["bdi"]) == (harmless_lines(content), harmless(content), harmless(author))


def test_a_day_is_a_heading_and_the_language_of_a_text_is_told_by_its_letters() -> None:
    shown = page("厨房", "今天开会 🎉", "milk", "こんにちは 世界", "안녕 世界", "𠮷")
    assert [tag for tag, _ in shown.elements].count("h2") == 1
    assert [values.get("lang") for tag, values in shown.elements if tag in ("h1", "p")] == ["zh", "zh", None, "ja", "ko", "zh"]
    assert next(values["datetime"] for tag, values in shown.elements if tag == "time") == "2019-05-09T16:38:08.000000+08:00"


def test_the_page_needs_no_other_file_and_runs_no_script() -> None:
    content = "".join(web_page("kitchen", notes("milk").entries))
    assert re.search("Content-Security-Policy.*default-src 'none'", content)
    assert re.search('name="viewport" content="width=device-width', content)
    assert not re.search(r"<script|<link|src=|url\(|@import|https?:", content)


def rows(*written: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO("".join(csv_table(notes(*written).entries, for_file=False)), newline="")))


def test_a_golden_table_is_written() -> None:
    table = "".join(csv_table(notes("今天开会 🎉", 'say "hi",\nplease').entries, for_file=True))
    assert table == (
        "\ufeffnumber,written,time_zone,author,text\r\n1,2019-05-09 16:38:08,UTC+08:00,小明,今天开会 🎉\r\n"
        '2,2019-05-09 16:39:08,UTC+08:00,小明,"say ""hi"",\nplease"\r\n'
    )
    assert len(rows()) == 1


@given(st.lists(texts, max_size=5))
def test_a_text_comes_back_from_the_table(written: list[str]) -> None:
    _, *found = rows(*written)
    assert [row[4].replace("'", "") for row in found] == [harmless_lines(text).replace("'", "") for text in written]


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        *((f"{sign}cmd|' /C calc'!A0", f"'{sign}cmd|' /C calc'!A0") for sign in "=+-@＝＋－＠"),
        ("- milk", "'- milk"), ("\u3000 \n=1", "\u3000 \n'=1"), ("a;=f(1)", "a;'=f(1)"), ('a\t"+f(1)', "a\t\"'+f(1)"),
        ("a\r\n @f(1)", "a\r\n '@f(1)"), ("list\n- milk\n- eggs", "list\n- milk\n- eggs"), ("1+1=2 (yes)", "1+1=2 (yes)"),
        (";=1", ";=1"), (" ;=f(1)", " ;'=f(1)"), ("a;=1\n(", "a;=1\n("), ("a;=1;=f(1)=", "a;'=1;'=f(1)="),
    ],
)  # fmt: skip
def test_no_cell_and_no_part_of_one_is_a_formula(text: str, cell: str) -> None:
    assert rows(text)[1][4] == cell


@pytest.mark.parametrize("text", ["\n", ";=", '"', "=", "\n;=("])
def test_no_text_of_a_stranger_makes_a_table_take_long(text: str) -> None:
    long = "x" + text * (TEXT_BYTES_MAX // len(text) - 1)
    assert len("".join(csv_table(notes(long).entries, for_file=False))) > len(long)
