"""How the prompt understands a typed line, and how often it sends queued entries in the background."""

import pytest

from tests.support.loopback import Loopback
from udpnote.cli.prompt import Action, Typed, parse_line
from udpnote.cli.prompt_background import BackgroundDelivery, DestinationLine
from udpnote.errors import Queued


@pytest.mark.parametrize(
    ("line", "typed"),
    [
        (" 买牛奶 ", Typed(Action.STORE, " 买牛奶 ")), ("", Typed(Action.STORE, "")),
        ("//usr is full", Typed(Action.STORE, "/usr is full")),
        ("／／路径", Typed(Action.STORE, "／路径")), ("1/2 cup", Typed(Action.STORE, "1/2 cup")),
        ("退出", Typed(Action.QUIT, "")), ("Exit", Typed(Action.QUIT, "")), ("/quit", Typed(Action.QUIT, "")),
        ("/退出", Typed(Action.QUIT, "")),
        ("幫助", Typed(Action.HELP, "")), ("/說明", Typed(Action.HELP, "")), ("/復原", Typed(Action.UNDO, "")),
        ("help", Typed(Action.HELP, "")), ("/HELP", Typed(Action.HELP, "")),
        ("/tag work  home", Typed(Action.TAG, "work  home")),
        ("／标签 家", Typed(Action.TAG, "家")), ("/edit 42", Typed(Action.EDIT, "42")), ("/undo", Typed(Action.UNDO, "")),
        ("/usr is full", Typed(Action.UNKNOWN, "/usr is full")), ("/", Typed(Action.UNKNOWN, "/")),
        ("/undo 3", Typed(Action.NOT_ALONE, "/undo 3")), ("／退出 了", Typed(Action.NOT_ALONE, "／退出 了")),
        ("/标签　家　Büro", Typed(Action.TAG, "家　Büro")), ("／？", Typed(Action.HELP, "")), ("：Q", Typed(Action.QUIT, "")),
    ],
)  # fmt: skip
def test_a_line_is_an_entry_a_command_of_the_prompt_or_an_unknown_command(line: str, typed: Typed) -> None:
    assert parse_line(line) == typed


def test_attempts_to_deliver_become_rarer_up_to_a_limit_until_a_server_answers(loopback: Loopback) -> None:
    loopback.reserve_port()
    client = loopback.client(server=f"127.0.0.1:{loopback.port}", on_notice=lambda _: None)
    delivery = BackgroundDelivery(client, DestinationLine(client))
    assert delivery.attempt(24.0) == 3.0, "nothing waits"
    with pytest.raises(Queued):
        client.send("milk", wait=0)
    assert delivery.attempt(20.0) == 24.0
    loopback.serve()
    assert (delivery.attempt(24.0), loopback.texts()) == (3.0, ["milk"])
