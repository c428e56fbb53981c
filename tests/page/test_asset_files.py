"""The files of the page fit together: the sentences of its languages, and the lists of its files. They are few and small, and
nothing in them comes from elsewhere.
"""

import gzip
import re

import pytest

from udpnote.page.asset_files import FOLDER

BYTES_MAX = 100_000
"""The most bytes of all files together, each compressed."""

_SENTENCE = re.compile(r'^  (\w+): (".*"|\{.*\}),$', re.MULTILINE)
_MODULES = {path.name for path in FOLDER.glob("*.js")} - {"worker.js"}


def _sentences(name: str) -> dict[str, set[str]]:
    """For each sentence of a file of words the {names} in it."""
    found = _SENTENCE.findall((FOLDER / name).read_text())
    return {key: set(re.findall(r"\{(\w+)\}", text)) for key, text in found}


@pytest.mark.parametrize("language", ["zh_CN", "zh_TW"])
def test_each_sentence_has_a_translation_with_the_same_names(language: str) -> None:
    assert _sentences(f"words.{language}.js") == _sentences("words.js") != {}


def test_the_page_uses_each_sentence_that_there_is_and_no_other() -> None:
    markup = (FOLDER / "index.html").read_text()
    scripts = "\n".join((FOLDER / name).read_text() for name in _MODULES if not name.startswith("words"))
    in_markup = re.findall(r'data-(?:word|label|hint)="(\w+)"', markup)
    said = re.findall(r'words\.say\("(\w+)"', scripts)
    sentences = set(_sentences("words.js"))
    assert in_markup and said and {*in_markup, *said} <= sentences
    quoted = set(re.findall(r'"(\w+)"', markup + scripts))
    built = {"today", "yesterday", *(each for each in sentences if each.startswith(("export_", "version_")))}
    assert sentences - quoted - built == set(), "a script builds the names of some sentences, such as `export_csv`"


def test_the_service_worker_keeps_each_file_and_the_page_preloads_each_script() -> None:
    needed = {path.name for path in FOLDER.iterdir()} - {"index.html", "worker.js", "certificate.css"}
    assert set(re.findall(r'"([\w.-]+\.\w+)"', (FOLDER / "worker.js").read_text())) == needed
    index = (FOLDER / "index.html").read_text()
    loaded = set(re.findall(r'"/static/([\w.-]+\.js)"', index))
    assert loaded == {name for name in _MODULES if not name.startswith("words.zh")}


def test_all_files_together_are_small_when_compressed() -> None:
    assert sum(len(gzip.compress(path.read_bytes())) for path in FOLDER.iterdir()) < BYTES_MAX


def test_no_file_names_another_host_nor_has_code_in_the_markup() -> None:
    for path in FOLDER.iterdir():
        if path.suffix in {".html", ".css", ".js", ".webmanifest", ".svg"}:
            text = path.read_text()
            assert set(re.findall(r"https?://[\w.-]+", text)) <= {"http://www.w3.org"}, path.name
            assert not re.search(
                r"<script(?![^>]*\ssrc=)|<[^>]*\son\w+=|<[^>]*\sstyle=|\beval\(|innerHTML|new Function", text
            ), path.name
