"""Reading TOML, and the line and column that the error about a wrong text names."""

import pytest

from tests.support.errors import raises
from udpnote.model.toml_text import InvalidToml, read_toml


def test_toml_is_read() -> None:
    assert read_toml('name = "家里"\n[[earlier]]\nkey = 1') == {"name": "家里", "earlier": [{"key": 1}]}


@pytest.mark.parametrize(
    ("text", "kind", "values"),
    [
        ('name = "家里"\nkey : 1', "toml_wrong_at", {"line": 2, "column": 5}), ("key = ", "toml_wrong_at_end", {}),
        ("a = 1\na = 2", "toml_wrong_at_end", {}), ("key = " + "[" * 5000, "toml_beyond_limits", {}),
        ("key = " + "9" * 5000, "toml_beyond_limits", {}),
    ],
)  # fmt: skip
def test_an_error_names_the_place_that_is_wrong(text: str, kind: str, values: dict[str, int]) -> None:
    with raises(InvalidToml, kind, **values):
        read_toml(text)
