"""Exports a notebook as a web page for people to read: one HTML file that needs no other file, for screens of any width.

The page has no script, and its policy (Content Security Policy, level 3) forbids browsers to run or load anything. So even if
this module has an error, a note cannot run anything in the reader's browser.
"""

import re
from collections.abc import Iterable, Iterator
from html import escape

from udpnote.model.entry import StoredEntry
from udpnote.text.harmless import harmless, harmless_lines
from udpnote.text.jsonl import iso_time

_LANGUAGES = (
    (re.compile("[\u3040-\u30ff\u31f0-\u31ff]"), "ja"),
    (re.compile("[\u1100-\u11ff\uac00-\ud7af]"), "ko"),
    (re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"), "zh"),
)
"""The letters by which a language is recognized. Chinese is last, because its characters are in Japanese and Korean texts,
too."""

_HEAD = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ margin: 0 auto; max-width: 42em; padding: 1em; font: 1em/1.5 system-ui, sans-serif; }}
h1, h2, p {{ overflow-wrap: anywhere; unicode-bidi: plaintext; }}
h2 {{ margin: 2em 0 0; font-size: 1em; }}
article {{ margin: 1em 0; }}
article p {{ margin: 0; white-space: pre-wrap; }}
header {{ font-size: .85em; opacity: .75; overflow-wrap: anywhere; }}
header a {{ color: inherit; }}
</style>
</head>
<body>
<h1{lang}>{title}</h1>
"""
_NOTE = """\
<article id="n{number}">
<header><time datetime="{iso}">{time}</time> <bdi>{author}</bdi> <a href="#n{number}">#{number}</a></header>
<p{lang}>{text}</p>
</article>
"""


def web_page(name: str, notes: Iterable[StoredEntry]) -> Iterator[str]:
    """The `notes` of the notebook `name` as a web page, in pieces that the caller writes one after the other.

    The pieces are the beginning with the title, the notes in the given order, and the end. A heading comes before each note
    whose day differs from that of the note before. Days and times are in the time zone in which each note was written. A text
    in Chinese, Japanese or Korean is marked with its language, so that the browser shows the forms of that language.
    """
    yield _HEAD.format(title=escape(harmless(name)), lang=_lang(name))
    day = ""
    for number, _, entry, _ in notes:
        iso = iso_time(entry.written_at, entry.utc_offset)
        if iso[:10] != day:
            day = iso[:10]
            yield f"<h2>{day}</h2>\n"
        yield _NOTE.format(
            number=number,
            iso=iso,
            time=iso[11:19],
            author=escape(harmless(entry.author)),
            lang=_lang(entry.text),
            text=escape(harmless_lines(entry.text)),
        )
    yield "</body>\n</html>\n"


def _lang(text: str) -> str:
    """The attribute `lang` for an element with this `text`, after a space. Empty if the letters do not show the language."""
    language = next((name for letters, name in _LANGUAGES if letters.search(text)), None)
    return "" if language is None else f' lang="{language}"'
