"""The web page shows each note as it was written, whatever markup is in it, and runs nothing."""

import re
from html.parser import HTMLParser

from hypothesis import given

from tests.support.exports import notes
from tests.support.texts import authors, texts
from udpnote.text.harmless import harmless, harmless_lines
from udpnote.text.web_page import web_page


class Page(HTMLParser):
    """What a browser makes of a page: its elements, and the texts of those that have a text."""

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
def test_markup_in_a_note_is_text(text: str, author: str) -> None:
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
