"""The values of `--tag`: checks them, and adds them to the texts that a command sends."""

from collections.abc import Sequence

from udpnote.errors import InvalidSetting
from udpnote.text.search_terms import parse_tag, tags


def check_tags(typed: Sequence[str]) -> None:
    """Check `typed`, the values of `--tag`. Raise `InvalidSetting` if a value is not exactly one tag, with or without `#`."""
    for tag in typed:
        if not parse_tag(tag):
            raise InvalidSetting("tag_filter_invalid", tag=tag)


def with_tags(text: str, added: Sequence[str]) -> str:
    """Return `text` with the tags `added` at its end, each with a `#`, whether or not the user typed one. A tag that `text`
    already has is not added. A tag that is in `added` twice is added once.

    If `text` ends with white space, the tags follow at once. If it does not, a line break comes before them if `text` has
    several lines, and a space if `text` is a single line.
    """
    missing, present = [], set(tags(text))
    for tag in added:
        if (folded := parse_tag(tag)) not in present:
            present.add(folded)
            missing.append(f"#{tag.removeprefix('#').removeprefix('＃')}")
    if not missing:
        return text
    if not text[-1:].isspace():
        text += "\n" if "\n" in text else " "
    return text + " ".join(missing)
