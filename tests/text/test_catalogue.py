"""A catalogue that is missing, damaged or altered leaves its messages in English, and raises no error."""

from collections.abc import Callable
from pathlib import Path

import pytest

import udpnote
from udpnote.model.language import SIMPLIFIED
from udpnote.text.catalogue import Catalogue

LOCALE_FOLDER = Path(udpnote.__file__).parent / "locale"
MESSAGE, TEMPLATES = "Show this message and exit.", ("{count:,} note", "{count:,} notes")


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[:0],
        lambda whole: whole[:8],
        lambda whole: whole[: len(whole) // 2],
        lambda whole: b"no catalogue" + whole,
        lambda whole: whole.replace("记事本".encode(), b"\xff" * 9),
        lambda whole: whole.replace(b"nplurals=1; plural=0", b"nplurals=1; plural=?"),
        lambda whole: whole.replace(b"charset=utf-8", b"charset=none!"),
        None,
    ],
    ids=["empty", "magic", "half", "text", "not UTF-8", "plural", "encoding", "folder"],
)
def test_without_a_whole_catalogue_everything_is_in_english(damage: Callable[[bytes], bytes] | None, tmp_path: Path) -> None:
    assert Catalogue(str(tmp_path), SIMPLIFIED).gettext(MESSAGE) == MESSAGE
    whole, damaged = (folder / SIMPLIFIED / "LC_MESSAGES" / "udpnote.mo" for folder in (LOCALE_FOLDER, tmp_path))
    damaged.parent.mkdir(parents=True)
    if damage is None:
        damaged.mkdir()
    else:
        damaged.write_bytes(damage(whole.read_bytes()))
        assert damaged.read_bytes() != whole.read_bytes()
    assert Catalogue(str(tmp_path), SIMPLIFIED).gettext(MESSAGE) == MESSAGE


@pytest.mark.parametrize(
    ("found", "altered"),
    [("{count:,} 条", altered) for altered in ("{count:, 条", "{coumt:,} 条", "{count:q} 条", "{coun!q:} 条")]
    + [("nplurals=1; plural=0;", "nplurals=1;plural=n%0")],
)  # fmt: skip
def test_a_translation_that_cannot_take_the_values_of_its_message_is_not_used(found: str, altered: str, tmp_path: Path) -> None:
    whole, file = (folder / SIMPLIFIED / "LC_MESSAGES" / "udpnote.mo" for folder in (LOCALE_FOLDER, tmp_path))
    file.parent.mkdir(parents=True)
    file.write_bytes(whole.read_bytes().replace(found.encode(), altered.encode().ljust(len(found.encode()))))
    catalogue = Catalogue(str(tmp_path), SIMPLIFIED)
    assert [catalogue.ngettext(*TEMPLATES, count) for count in (1, 2)] == list(TEMPLATES)
    assert catalogue.gettext(TEMPLATES[0]) == TEMPLATES[0]
    assert catalogue.gettext(MESSAGE) != MESSAGE
