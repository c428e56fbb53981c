"""Which words and values are suggested at the cursor of a command line. In the lines here, `|` is the cursor."""

import pytest

from udpnote.cli.completion.word_at_cursor import Kind, read_table, word_at_cursor

TABLE = read_table()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ex|", ["export"]), ("--v|", ["--version"]), ("key |", ["show", "rotate"]), ("key s|", ["show"]), ("nosuch |", []),
        ("help ex|", ["export"]), ("help key r|", ["rotate"]), ("help list |", []),
        ("list --note|", ["--notebook"]), ("list --a|", ["--author", "--all"]), ("list --all --al|", []),
        ("list --tag a --ta|", ["--tag"]),
        ("export --format |", ["jsonl", "markdown", "text", "csv", "html"]), ("export --format=c|", ["csv"]),
        ("export --format = c|", ["csv"]), ("export --format =|", ["jsonl", "markdown", "text", "csv", "html"]),
        ("list -- --a|", []), ("send milk --j|", []), ("send --j|", ["--json"]), ("edit 1 --j|", ["--json"]),
        ("edit 1 milk --j|", []),
        ("search milk --j|", []), ("search --j|", ["--json"]), ("list --nosuch=|", []), ("demo |", ["--help", "-h"]),
        ("demo --help |", []),
    ],
)  # fmt: skip
def test_commands_options_and_fixed_values_are_suggested_where_they_may_stand(line: str, words: list[str]) -> None:
    before, _, typed = line.partition("|")[0].rpartition(" ")
    found = word_at_cursor(TABLE, before.split(), typed)
    assert ([each.word for each in found.suggestions], found.kind) == (words, None)


@pytest.mark.parametrize(
    ("line", "kind", "typed", "prefix"),
    [
        ("use k", Kind.NOTEBOOK, "k", ""), ("leave ", Kind.JOINED_NOTEBOOK, "", ""), ("list --tag ", Kind.TAG, "", ""),
        ("list --tag = 工", Kind.TAG, "工", ""), ("list --tag=工", Kind.TAG, "工", "--tag="), ("show ", Kind.NUMBER, "", ""),
        ("show 1 2", Kind.NUMBER, "2", ""), ("edit 1", Kind.NUMBER, "1", ""), ("edit 1 2", None, "2", ""),
        ("list -n 2", None, "2", ""), ("outbox --discard 1", Kind.SEQUENCE, "1", ""), ("outbox --to ", Kind.NOTEBOOK, "", ""),
        ("send --notebook ", Kind.NOTEBOOK, "", ""), ("show -- ", Kind.NUMBER, "", ""), ("search milk", None, "milk", ""),
    ],
)  # fmt: skip
def test_values_are_of_the_kind_that_the_option_or_argument_takes(
    line: str, kind: Kind | None, typed: str, prefix: str
) -> None:
    before, _, last = line.rpartition(" ")
    found = word_at_cursor(TABLE, before.split(), last)
    assert (found.kind, found.typed, found.prefix, list(found.suggestions)) == (kind, typed, prefix, [])


def test_the_given_options_are_reported_with_their_values() -> None:
    words = ["list", "--server", "pi", "--all", "--notebook=lab", "--tag"]
    assert word_at_cursor(TABLE, words, "").given == {"--server": "pi", "--all": "", "--notebook": "lab"}
