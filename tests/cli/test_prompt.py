"""What a line that is typed at the prompt asks for."""

import pytest

from udpnote.cli.prompt import Deed, Typed, parse_line


@pytest.mark.parametrize(
    ("line", "typed"),
    [
        (" 买牛奶 ", Typed(Deed.STORE, " 买牛奶 ")), ("", Typed(Deed.STORE, "")),
        ("//usr is full", Typed(Deed.STORE, "/usr is full")),
        ("／／路径", Typed(Deed.STORE, "／路径")), ("1/2 cup", Typed(Deed.STORE, "1/2 cup")),
        ("退出", Typed(Deed.QUIT, "")), ("Exit", Typed(Deed.QUIT, "")), ("/quit", Typed(Deed.QUIT, "")),
        ("/退出", Typed(Deed.QUIT, "")),
        ("幫助", Typed(Deed.HELP, "")), ("/說明", Typed(Deed.HELP, "")), ("/復原", Typed(Deed.UNDO, "")),
        ("help", Typed(Deed.HELP, "")), ("/HELP", Typed(Deed.HELP, "")), ("/tag work  home", Typed(Deed.TAG, "work  home")),
        ("／标签 家", Typed(Deed.TAG, "家")), ("/edit 42", Typed(Deed.EDIT, "42")), ("/undo", Typed(Deed.UNDO, "")),
        ("/usr is full", Typed(Deed.UNKNOWN, "/usr is full")), ("/", Typed(Deed.UNKNOWN, "/")),
        ("/undo 3", Typed(Deed.NOT_ALONE, "/undo 3")), ("／退出 了", Typed(Deed.NOT_ALONE, "／退出 了")),
        ("/标签　家　Büro", Typed(Deed.TAG, "家　Büro")), ("／？", Typed(Deed.HELP, "")), ("：Q", Typed(Deed.QUIT, "")),
    ],
)  # fmt: skip
def test_a_line_is_an_entry_or_a_command_of_the_prompt_or_is_no_command_that_is_known(line: str, typed: Typed) -> None:
    assert parse_line(line) == typed
