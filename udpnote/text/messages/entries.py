"""The sentences for an invalid entry, query, join code, or line of a file to import."""

from udpnote.text.language import gettext as _
from udpnote.text.messages.forms import Sentence

_CONVERT = "convert it first, for example with `iconv -f GB18030 -t UTF-8`"
_COMPARE = "compare it with the one that `udpnote key show` prints on the notebook's host"


def _text_too_long(size: int, bytes_max: int, has_lines: bool) -> str:
    """`has_lines` says that the text has several lines, which may be sent one by one."""
    if has_lines:
        sentence = _(
            "the text has {size:,} bytes of UTF-8, and an entry holds at most {bytes_max:,}: split it, or send it line by line"
        )
    else:
        sentence = _(
            "the text has {size:,} bytes of UTF-8, and an entry holds at most {bytes_max:,}: split it into several entries"
        )
    return sentence.format(size=size, bytes_max=bytes_max)


SENTENCES: dict[str, Sentence] = {
    "text_in_other_encoding": (
        "the text is {encoding}, or no text at all: convert it first, for example with `iconv -f {encoding} -t UTF-8`"
    ),
    "text_blank": "the text is empty: write something. If the shell has removed it, put it into quotes",
    "text_not_unicode": f"the text is not valid UTF-8 (character {{character}}): {_CONVERT}",
    "text_too_long": _text_too_long,
    "text_longer_than": "the text has more than {bytes_max:,} bytes of UTF-8, and an entry holds no more: split it",
    "writing_time_out_of_range": (
        "the time is out of range: {written_at} microseconds since 1970 UTC, at the UTC offset of {utc_offset} "
        "minutes. The time of an entry must be from 0001-01-02 to 9999-12-30, and its UTC offset at most 18 hours"
    ),
    "time_of_no_entry": "its time must be from 0001-01-02 to 9999-12-30: correct it in the file",
    "author_not_unicode": "the author is not valid UTF-8: name another author",
    "author_blank": "the author is empty: name one with --author or UDPNOTE_AUTHOR",
    "author_of_several_lines": "the author has several lines: write a name of one line",
    "author_too_long": "the author has {bytes} bytes of UTF-8, but at most {bytes_max} are allowed: write a shorter name",
    "tag_invalid": "{tag!r} is not a tag: write one such as milk, #v1.9 or work/home, and each tag by itself",
    "order_of_other_than_notes": (
        "only current notes can be listed in the order of time. The log is always in the order of its numbers"
    ),
    "too_many_tags": "{tags} tags are too many for one query: at most {tags_max} are allowed",
    "too_many_numbers": "{numbers} numbers are too many for one query: at most {numbers_max} are allowed",
    "join_code_symbol_invalid": f"the join code has an impossible symbol, {{symbol!r}} at place {{place}}: {_COMPARE}",
    "join_code_length_wrong": f"the join code has {{symbols}} instead of {{symbols_expected}} symbols: {_COMPARE}",
    "join_code_too_large": f"the join code begins with {{symbol!r}}, but must begin with 0 to 7: {_COMPARE}",
    "join_code_mistyped": f"the join code is mistyped, because its check symbol does not match: {_COMPARE}",
    "import_file_too_long": "the file has more than {bytes_max:,} bytes, and udpnote reads no longer file: split it",
    "import_not_unicode": f"the file is not a text in UTF-8: {_CONVERT}",
    "import_in_other_encoding": (
        "the file is {encoding}, or no text at all: convert it first, for example with `iconv -f {encoding} -t UTF-8`"
    ),
    "text_before_first_time": (
        "line {line:,} is not a time, and no time comes before it: {text_shown}. If this is not a text file of "
        "udpnote, name its format with --format"
    ),
    "text_block_invalid": "the entry at line {line:,}: {error}",
    "not_json": "not JSON: the first wrong character is number {character:,}",
    "json_not_of_an_export": (
        "this is not JSON of `udpnote export`: a number in it is too long, or its lists are nested too deep"
    ),
    "json_not_an_object": "not a JSON object, but {value_shown}",
    "field_missing": "`{field}` is missing",
    "field_not_text": "`{field}` must be a text, not {value_shown}",
    "field_not_whole_number": "`{field}` must be a whole number, not {value_shown}",
    "field_out_of_range": ("`{field}` must be from 1 to {maximum}, not {value_shown}"),
    "field_not_time": "`{field}` must be a time such as 2019-05-09T16:37:08+08:00, not {value_shown}",
    "time_without_utc_offset": "`{field}` must have a UTC offset, as in 2019-05-09T16:37:08+08:00, not {value_shown}",
    "utc_offset_invalid": "`{field}` must have a UTC offset of whole minutes, at most 18 hours, not {value_shown}",
    "time_out_of_range": "`{field}` must be from 0001-01-02 to 9999-12-30, not {value_shown}",
    "kind_invalid": "`kind` must be `note`, `revision` or `deletion`, not {value_shown}",
    "client_invalid": "`client` must be 32 hexadecimal digits, not {value_shown}",
    "author_invalid": "`author`: {error}",
    "text_invalid": "`text`: {error}",
    "deletion_with_text": "`text` of a deletion must be empty, not {value_shown}",
    "note_with_revises": "a note must not have the field `revises`, because it revises nothing",
    "revises_not_before": "`revises` must be less than `number`: {revises} is not less than {number}",
}
