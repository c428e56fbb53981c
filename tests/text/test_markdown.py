"""Markdown: a notebook reads well, and no note can be anything but text in its item."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.support.golden import CLIENT_ID, WRITTEN_AT
from udpnote.model.entry import Entry, Kind, StoredEntry
from udpnote.text.harmless import harmless_lines
from udpnote.text.markdown import markdown

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
