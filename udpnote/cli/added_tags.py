"""Tags that a command adds to the texts that it sends."""

from collections.abc import Sequence

from udpnote.errors import InvalidSetting
from udpnote.text.search_terms import parse_tag, tags


def check_added_tags(added: Sequence[str]) -> None:
    """Raise `InvalidSetting` if one of `added`, the values of `--tag`, is not exactly one tag, with or without its `#`."""
    for tag in added:
        if not parse_tag(tag):
            raise InvalidSetting("tag_filter_invalid", tag=tag)


def with_tags(text: str, added: Sequence[str]) -> str:
    """Return `text` with the tags `added` at its end: each once, as it was typed, and none that the text has already.

    They stand on the line of the text or, if that has several lines, on one of their own.
    """
    missing, present = [], set(tags(text))
    for tag in added:
        if (folded := parse_tag(tag)) not in present:
            present.add(folded)
            missing.append(f"#{tag.removeprefix('#').removeprefix('＃')}")
    if not missing:
        return text
    has_space = text[-1:].isspace()
    return text + ("" if has_space else "\n" if "\n" in text else " ") + " ".join(missing)
