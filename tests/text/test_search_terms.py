"""Search terms: any text is cut so that people find it again, in whatever script it is."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.han_table import TABLE, han_table
from tests.support.matching import mixed
from udpnote.text import search_terms as limits
from udpnote.text.search_terms import HAN_VERSION, RULES_VERSION, fold, one_form, parse_tag, tags, terms, terms_in_portions


def test_case_width_and_accents_do_not_matter_but_the_letters_of_a_script_do() -> None:
    european = "CAFÉ cafe Cafe\u0301 cafe Straße strasse İstanbul istanbul ﬁn fin ＡＢＣ１２ abc12 ЙЁ ие ΆΣ ασ"
    others = "so\u00adwohl sowohl がぎ がぎ か\u3099 が ｶﾞ ガ 한글 한글 \u1112\u1161\u11ab 한 שָׁלוֹם שלום 葛\U000e0100 葛"
    pairs = [*european.split(" "), *others.split(" ")]
    assert [fold(text) for text in pairs[::2]] == pairs[1::2]


@given(mixed)
def test_folding_gives_the_same_again_and_for_two_ways_to_write_the_same_text(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text)) == fold(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The quick-brown fox_2, e.g. I'm", "the quick brown fox 2 e g i m"),
        ("今日，开会 今天meeting在3点", "今 日 开 会 今 天 meeting 在 3 点"),
        ("한국 ひらー々〇 ไทย हिन्दी में", "한 국 ひ ら ー 々 〇 ไ ท ย हिन्दी में"),
        ("Привет, мир a\x00b\ufe0fc …！？ — _", "привет мир a bc"),
        ("→🎉👍🏽❤️5€ c++", "→ 🎉 👍 🏽 ❤ 5 € c"),
        ("", ""),
    ],
)
def test_words_are_terms_and_so_is_each_character_of_a_script_without_spaces(text: str, expected: str) -> None:
    assert terms(text) == expected.split()


def test_a_word_that_is_too_long_is_cut_but_portions_cut_none() -> None:
    size = limits.TERM_CHARACTERS_MAX
    for letter in "xж":
        assert terms(letter * (2 * size + 1)) == [letter * size] * 2 + [letter]
    assert [term for portion in terms_in_portions("quick brown 中文", 3) for term in portion] == ["quick", "brown", "中", "文"]
    text = "before " + "\u0300\u0316" * 260_000 + " after"
    assert terms(text) == [term for portion in terms_in_portions(text, 8192) for term in portion] == ["before", "after"]
    [tag] = tags("#a" + "\u0300\u0316" * 260_000)
    assert unicodedata.normalize("NFD", tag)[0] == "a"


def test_every_mark_of_this_unicode_version_is_known_and_a_long_run_of_it_is_cut() -> None:
    for mark in filter(lambda each: unicodedata.category(each)[0] == "M", map(chr, range(sys.maxunicode + 1))):
        assert limits.JOINING_RUN.fullmatch(mark), f"{ord(mark):x}"
        assert len(unicodedata.normalize("NFD", fold("x" + mark * 99))) <= 4 * limits.MARKS_MAX + 1, f"{ord(mark):x}"


@given(mixed)
def test_terms_hold_letters_and_digits_only_whatever_the_text(text: str) -> None:
    for term in terms(text):
        assert not set(term) & set(' "_-#*()\x00'), term
        assert term == fold(term)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#Work and #q3-plan, (#_x1) ＃开会", "work q3-plan _x1 开会"), ("今天#工作 很忙 #工作#重要", "工作 重要"),
        ("#हिन्दी #ไทย #ВЕСНА #ＡＢ #café", "हिन्दी ไทย весна ab café"), ("#a-_ #b--, #c-d- #Todo #todo #TODO", "a b c-d todo"),
        ("#42 #4-2 #_ #- # ## #！ #1/a #1.todo #+a #/a #.net C# #1️⃣", ""), ("page#section a_#b café#c /#x &#x41; ##y", ""),
        ("#c++ #v1.9 #node.js. (#a+b), #done. #工作。 #！ #重要、 #g++", "c++ v1.9 node.js a+b done 工作 重要 g++"),
        ("#a/b/c, #a/b-/ #work/#home #工作/会议 #x//y #a..b #r&d", "a a/b a/b/c work 工作 工作/会议 x r"),
        ("#🎉 #❤️ #❤ party#no 🎉#party🎉 #👩‍💻 #🇩🇪 #می‌خواهم", "🎉 ❤ party🎉 👩‍💻 🇩🇪 می‌خواهم"), ("#Ｃ＋＋ #ａ／ｂ", "c++ a a/b"),
        ("https://example.com/x?#y ftp://例え/路径#片段 #z", "z"), ("看http://example.com，#工作", "工作"),
    ],
)  # fmt: skip
def test_tags_are_found_where_people_write_them(text: str, expected: str) -> None:
    assert tags(text) == expected.split()


def test_a_long_tag_is_cut_and_of_very_many_tags_and_marks_only_the_first_count() -> None:
    size = limits.TAG_CHARACTERS_MAX
    assert tags("#" + "标" * (size + 1) + " #end") == ["标" * size, "end"]
    assert tags(" ".join(f"#t{number}" for number in range(limits.TAGS_MAX + 1))) == [f"t{at}" for at in range(limits.TAGS_MAX)]
    assert tags("#a " * (limits.TAG_PLACES_MAX - 1) + "#b #c") == ["a", "b"]
    letter_with_marks = "क" + "\u093e" * (limits.MARKS_MAX + 10)
    assert fold(letter_with_marks) == parse_tag(letter_with_marks) == "क" + "\u093e" * limits.MARKS_MAX
    spelled = [
        f"#{''.join(letter.upper() if number >> place & 1 else letter for place, letter in enumerate('abcdefghij'))}"
        for number in range(limits.TAG_SPELLINGS_MAX)
    ]
    assert tags(" ".join([*spelled[:-1], "#last", "#beyond"])) == ["abcdefghij", "last"]


@given(mixed)
def test_a_tag_is_found_by_itself_with_and_without_its_mark(text: str) -> None:
    for tag in tags(text):
        assert parse_tag(tag) == parse_tag(f"#{tag}") == tag


@given(
    st.sampled_from(
        ["ab #中文,é\u0301がか\u3099ハﾞ ", "ㅎㅏㄴ한", "ßſﬁ①½ab ", "ab0", " ก\u0e31aก", "ABÅ\u00ad\u200db,"]
    ).flatmap(st.text),
    st.integers(1, 300),
)
def test_the_terms_in_portions_are_the_terms(text: str, characters: int) -> None:
    assert [term for portion in terms_in_portions(text, characters) for term in portion] == terms(text)


def test_the_table_agrees_with_the_dictionaries() -> None:
    assert TABLE.read_text("utf-8") == han_table(), "run `python -m tests.han_table`"
    assert HAN_VERSION in RULES_VERSION, "an index of another table is built again"


@pytest.mark.parametrize(
    "same", ["干乾幹", "后後", "发發髮", "钟鐘鍾", "台臺颱檯", "面麵麪", "里裡裏", "着著", "会會", "线線綫", "𧩙䜥"]
)
def test_each_character_is_found_by_each_of_its_forms_and_by_no_other(same: str) -> None:
    assert len({one_form(each) for each in same}) == 1
    assert len({one_form(each) for each in "人大天干后发钟台面里着会线"}) == 13
    assert one_form("说漢語 Voilà 日本語") == "说汉语 Voilà 日本语"


def test_no_character_becomes_longer_and_folding_twice_changes_nothing_more() -> None:
    every = [chr(place) for place in range(sys.maxunicode + 1) if not 0xD800 <= place <= 0xDFFF]
    text = "".join(every)
    assert len(one_form(text)) == len(text)
    for character in (each for each in every if one_form(each) != each):
        form = one_form(character)
        assert fold(form) == form == one_form(form) == unicodedata.normalize("NFKD", form)
