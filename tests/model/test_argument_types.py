"""The error about an argument of a wrong type."""

import pytest

from udpnote.model.argument_types import check_several, check_type


@pytest.mark.parametrize(
    ("value", "types", "wanted"),
    [
        ("1", (int,), "an int, not str: '1'"), (True, (int,), "an int, not bool: True"),
        (1.0, (int,), "an int, not float: 1.0"), (1, (bool,), "a bool, not int: 1"),
        (None, (str,), "a str, not NoneType: None"), (False, (int, float), "an int or a float, not bool: False"),
        (b"x" * 999, (str,), "a str, not bytes: b'xx"),
    ],
)  # fmt: skip
def test_a_type_error_names_the_argument_what_it_must_be_and_the_value_in_short(
    value: object, types: tuple[type, ...], wanted: str
) -> None:
    with pytest.raises(TypeError) as error:
        check_type("it", value, *types)
    assert str(error.value).startswith(f"it must be {wanted}") and len(str(error.value)) < 80
    check_type("it", types[-1](), *types)


@pytest.mark.parametrize("value", ["abc", b"abc", bytearray(b"abc"), 5, None])
def test_a_text_is_not_several_texts(value: object) -> None:
    with pytest.raises(TypeError, match=r"^texts must be an iterable of strs, not"):
        check_several("texts", value, "an iterable of strs")
    assert list(check_several("texts", iter([value]), "an iterable of strs")) == [value]
