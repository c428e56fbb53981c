"""Lists, clauses and texts of several sentences, as English joins them, and Chinese where that differs."""

from udpnote.text.joining import all_of, any_of, in_clauses, in_sentences, listed
from udpnote.text.language import speaking


def test_words_become_a_list_and_sentences_a_text() -> None:
    words = ["milk", "eggs", "bread"]
    assert [listed(words[:length]) for length in range(4)] == ["", "milk", "milk, eggs", "milk, eggs, bread"]
    assert (listed(words[:1], more=1), listed(words, more=1200)) == ("milk, 1 more", "milk, eggs, bread, 1,200 more")
    assert [all_of(words[:length]) for length in range(4)] == ["", "milk", "milk and eggs", "milk, eggs and bread"]
    assert [any_of(words[:length]) for length in range(4)] == ["", "milk", "milk or eggs", "milk, eggs or bread"]
    assert (in_sentences("no answer"), in_sentences("no answer", "Ask again", "Or not")) == (
        "no answer",
        "no answer. Ask again. Or not",
    )
    assert in_clauses(["2 imported", "1 revised", "3 there"]) == "2 imported, 1 revised, 3 there"
    with speaking("zh_CN"):
        assert (listed(["牛奶", "鸡蛋"]), in_clauses(["导入 2 个", "修订 1 个"])) == ("牛奶、鸡蛋", "导入 2 个，修订 1 个")
