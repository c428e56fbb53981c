"""Tags that are added to texts."""

import pytest

from tests.support.errors import raises
from udpnote.cli.options.added_tags import check_tags, with_tags
from udpnote.errors import InvalidSetting
from udpnote.text.search_terms import tags


@pytest.mark.parametrize(
    ("text", "added", "tagged"),
    [
        ("buy milk", ["Home", "#v1.9"], "buy milk #Home #v1.9"), ("买牛奶", ["家", "＃家"], "买牛奶 #家"),
        ("buy #HOME", ["home"], "buy #HOME"), ("met Bob #work/lab", ["work"], "met Bob #work/lab"),
        ("see example.org/", ["x"], "see example.org/ #x"), ("two\nlines", ["x"], "two\nlines\n#x"),
        ("two\nlines\n", ["x", "y"], "two\nlines\n#x #y"),
    ],
)  # fmt: skip
def test_a_text_gets_each_tag_that_it_lacks_once_and_as_it_is_spelled(text: str, added: list[str], tagged: str) -> None:
    assert with_tags(text, added) == tagged
    assert {tag.lower().lstrip("#＃") for tag in added} <= set(tags(tagged))


@pytest.mark.parametrize("tag", ["", "#", "two words", "a,b", "12"])
def test_a_value_that_is_not_one_tag_is_refused(tag: str) -> None:
    with raises(InvalidSetting, "tag_filter_invalid", tag=tag):
        check_tags(["milk", tag])
