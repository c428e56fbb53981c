"""What commands say about options and arguments that cannot be used, and about files, editors and terminals."""

from collections.abc import Callable


def _revision_overtaken(number: int, note: int, by_number: int, by_author: str, is_deleted: bool) -> str:
    change = f"deleted by {by_author} (#{by_number})" if is_deleted else f"replaced by {by_author}'s #{by_number}"
    return f"your revision #{number} of #{note} was {change}, who had not seen it: `udpnote show {note} --history` has both"


SENTENCES: dict[str, str | Callable[..., str]] = {
    "author_filter_empty": "--author is empty: name an author, or leave the option out",
    "editor_without_server": "{problem}. Without the server, give the text: `udpnote edit {number} TEXT`",
    "file_and_server": "--notebook reads a file, but {option} is for a server: use one of them",
    "limit_and_all": "--all means all notes, -n only some: use one of them",
    "not_an_entry_number": "{text!r} is not the number of an entry: write 42 or '#42'",
    "output_not_written": "cannot write the output ({problem}): the command has done its work, but not printed all of it",
    "revision_overtaken": _revision_overtaken,
    "tag_filter_invalid": "--tag: {tag!r} is not a tag: write for example milk or '#milk'",
}
