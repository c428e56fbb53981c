"""The files of the page fit together: the sentences of its languages, and the lists of its files."""

import re

import pytest

from udpnote.page.asset_files import FOLDER

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
