"""What a notebook is called in messages and commands, and how a destination is written."""

import pytest

from udpnote.errors import InvalidSetting
from udpnote.model.language import SIMPLIFIED
from udpnote.model.notebook import (
    Destination,
    KnownNotebook,
    SealedNotebook,
    address_of,
    check_notebook_name,
    display_name,
    name_or_id,
    short_id,
)
from udpnote.text.language import speaking

HOME = KnownNotebook(b"h" * 16, "家里 2", "192.0.2.7", 6683, 0, b"k" * 16)
TWIN = HOME._replace(notebook_id=b"t" * 16, host="fe80::1", scope=3)
CELLAR = HOME._replace(notebook_id=b"c" * 16, name="cellar")


def test_a_name_that_two_notebooks_have_is_followed_by_the_start_of_the_id() -> None:
    for known in ([HOME, CELLAR], [CELLAR], []):
        assert (display_name(HOME, known), name_or_id(HOME, known)) == ("家里 2", "家里 2")
    assert display_name(HOME, [CELLAR, HOME, TWIN]) == display_name(HOME, [TWIN])
    assert str(display_name(HOME, [TWIN])) == "家里 2 (68686868)"
    with speaking(SIMPLIFIED):
        assert str(display_name(HOME, [TWIN], shown="家…")) == "家…（68686868）"
    assert name_or_id(TWIN, [HOME, TWIN]) == short_id(TWIN) == "74747474"
    assert display_name(CELLAR, [CELLAR, HOME, TWIN]) == "cellar"


def test_the_server_of_a_destination_is_written_as_it_is_typed() -> None:
    assert Destination().server is None
    assert Destination("pi.local", 7000).server == "pi.local:7000"
    assert Destination("fe80::1", 7000).server == "[fe80::1]:7000"
    assert (Destination().names_nothing, Destination(None, 7000).names_nothing) == (True, False)


def test_a_notebook_is_at_its_address_and_at_the_server_under_which_it_was_joined() -> None:
    assert address_of(HOME) == ("192.0.2.7", 6683)
    assert address_of(TWIN) == ("fe80::1", 6683, 0, 3)
    sealed = SealedNotebook(HOME, "pi.local:6683")
    assert sealed.is_at("pi.local:6683", "192.0.2.99", 6683)
    assert sealed.is_at("pi:6683", "192.0.2.7", 6683)
    assert not sealed.is_at("pi:6683", "192.0.2.7", 7000)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("two\nlines", "notebook_name_not_one_line"),
        (" ", "notebook_name_not_one_line"),
        ("家里 2", "notebook_name_too_long"),
        ("\udcff", "notebook_name_not_utf8"),
    ],
)
def test_the_error_of_an_invalid_name_says_what_is_wrong_with_it(name: str, problem: str) -> None:
    check_notebook_name("家里 2", bytes_max=8)
    with pytest.raises(InvalidSetting) as invalid:
        check_notebook_name(name, bytes_max=7 if name == "家里 2" else 128)
    assert invalid.value.notice.kind == problem
