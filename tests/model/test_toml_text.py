"""Reading TOML, and the line and column that the error about a wrong text names."""

import pytest

from tests.support.errors import raises
from udpnote.errors import Notice
from udpnote.model.toml_text import InvalidToml, read_toml


def test_toml_is_read() -> None:
    assert read_toml('name = "家里"\n[[earlier]]\nkey = 1') == {"name": "家里", "earlier": [{"key": 1}]}


@pytest.mark.parametrize("ending", ["", "\n", "\n# more\n"])
@pytest.mark.parametrize(
    ("text", "reason", "line", "column"),
    [
        ("name = 1\nname = 2", "toml_name_twice", 2, 9), ("[a]\n[a]", "toml_name_twice", 2, 3),
        ("a = {b = 1, b = 2}", "toml_name_twice", 1, 18), ('name = "家里"\nkey : 1', "toml_without_equals_sign", 2, 5),
        ("key = ", "toml_not_a_value", 1, 7), ("server = pi.local", "toml_not_a_value", 1, 10),
        ('name = "kitchen', "toml_without_closing_quote", 1, 16), ("port = 1 2", "toml_more_after_value", 1, 10),
        ("= 1", None, 1, 1),
    ],
)  # fmt: skip
def test_an_error_names_the_place_and_the_reason(text: str, reason: str | None, line: int, column: int, ending: str) -> None:
    values = {"reason": Notice(reason)} if reason is not None else {}
    with raises(
        InvalidToml, "toml_wrong_because" if reason is not None else "toml_wrong_at", line=line, column=column, **values
    ):
        read_toml(text + ending)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("[1,", "toml_not_closed"), ("'kitchen", "toml_not_closed"), ('"""kitchen', "toml_not_closed"),
        ("[" * 5000, "toml_beyond_limits"), ("9" * 5000, "toml_beyond_limits"),
    ],
)  # fmt: skip
def test_some_errors_have_no_place(value: str, kind: str) -> None:
    with raises(InvalidToml, kind):
        read_toml(f"key = {value}")
