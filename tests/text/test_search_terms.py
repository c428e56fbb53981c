"""Words: any text is taken apart so that people find it again, in whatever script it is."""

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from udpnote.errors import InvalidQuery, UdpnoteError
from udpnote.text.search_terms import (
    MARKS_MAX,
    TAG_CHARACTERS_MAX,
    TAG_PLACES_MAX,
    TAG_SPELLINGS_MAX,
    TAGS_MAX,
    TERM_CHARACTERS_MAX,
    TERMS_MAX,
    check_words,
    fold,
    fold_tag,
    is_match,
    occurrences,
    parse_words,
    tags,
    terms,
    terms_in_portions,
)

SPACELESS = "今日开会記録々〇ーひらがなカタカナガギ한국어ㄅㄆไทยລາວខ្មែរမြန်မာ𠮷㐀"
texts = st.text(st.characters(exclude_categories=["Cs"]))
PIECES = "今 日 会 が か\u3099 ｶﾞ 한 \u1112\u1161\u11ab ㅎㅏ ไ a É e\u0301 ﬁ ß ① İ ½ हि न्दी ㍿ ， - _ # \u200d \ufe0f ab 7"
pieces = st.sampled_from([*PIECES.split(" "), " ", "\n"])
mixed = st.lists(pieces, max_size=12).map("".join) | texts


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("CAFÉ", "cafe"),
        ("Cafe\u0301", "cafe"),
        ("Straße", "strasse"),
        ("İstanbul", "istanbul"),
        ("ﬁn", "fin"),
        ("ＡＢＣ１２", "abc12"),
        ("ЙЁ", "ие"),
        ("ΆΣ", "ασ"),
        ("がぎ", "がぎ"),
        ("か\u3099", "が"),
        ("ｶﾞ", "ガ"),
        ("한글", "한글"),
        ("한", "한"),
        ("שָׁלוֹם", "שלום"),
        ("葛\U000e0100", "葛"),
        ("so\u00adwohl", "sowohl"),
    ],
)
def test_case_width_and_accents_do_not_matter_but_the_letters_of_a_script_do(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(mixed)
def test_what_is_folded_stays_as_it_is(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(mixed)
def test_two_ways_to_write_the_same_text_are_the_same(text: str) -> None:
    assert fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text)) == fold(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The quick-brown fox_2, e.g. I'm", ["the", "quick", "brown", "fox", "2", "e", "g", "i", "m"]),
        ("今日，开会", ["今", "日", "开", "会"]),
        ("今天meeting在3点", ["今", "天", "meeting", "在", "3", "点"]),
        ("한국 ひらー々〇", ["한", "국", "ひ", "ら", "ー", "々", "〇"]),
        ("ไทย", ["ไ", "ท", "ย"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("Привет, мир", ["привет", "мир"]),
        ("a\x00b\ufe0fc", ["a", "bc"]),
        ("…！？ 🎉 — _", []),
        ("", []),
    ],
)
def test_words_are_terms_and_so_is_each_character_of_a_script_without_spaces(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


@pytest.mark.parametrize("letter", ["x", "ж"])
def test_a_word_that_is_none_is_cut(letter: str) -> None:
    assert terms(letter * (2 * TERM_CHARACTERS_MAX + 1)) == [letter * TERM_CHARACTERS_MAX] * 2 + [letter]


@given(mixed)
def test_terms_hold_letters_and_digits_only_whatever_the_text(text: str) -> None:
    for term in terms(text):
        assert not set(term) & set(' "_-#*()\x00'), term
        assert term == fold(term)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#Work and #q3-plan, (#_x1) ＃开会", ["work", "q3-plan", "_x1", "开会"]),
        ("今天#工作 很忙", ["工作"]),
        ("#工作#重要", ["工作", "重要"]),
        ("#हिन्दी #ไทย #ВЕСНА #ＡＢ #café", ["हिन्दी", "ไทย", "весна", "ab", "café"]),
        ("#a-_ #b--, #c-d-", ["a", "b", "c-d"]),
        ("#Todo #todo #TODO", ["todo"]),
        ("#42 #4-2 #_ #- # ## #！ #🎉", []),
        ("page#section a_#b café#c", []),
        ("/#x &#x41; ##y", []),
        ("https://example.com/x?#y ftp://例え/路径#片段 #z", ["z"]),
        ("看http://example.com，#工作", ["工作"]),
    ],
)
def test_tags_are_found_where_people_write_them(text: str, expected: list[str]) -> None:
    assert tags(text) == expected


def test_a_long_tag_is_cut_and_of_many_tags_the_first_ones_count() -> None:
    assert tags("#" + "标" * (TAG_CHARACTERS_MAX + 1) + " #end") == ["标" * TAG_CHARACTERS_MAX, "end"]
    assert tags(" ".join(f"#t{number}" for number in range(TAGS_MAX + 1))) == [f"t{number}" for number in range(TAGS_MAX)]


@given(mixed)
def test_a_tag_is_found_by_itself_with_and_without_its_mark(text: str) -> None:
    for tag in tags(text):
        assert fold_tag(tag) == fold_tag(f"#{tag}") == tag


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ()),
        (["one", "two"], ("one", "two")),
        (["a phrase", "word"], ("a phrase", "word")),
        (['"a phrase" word'], ("a phrase", "word")),
        (['left "in the middle" right'], ("left", "in the middle", "right")),
        (['"never closed'], ("never closed",)),
        (["今日", "!?", "—"], ("今日",)),
        (["今日　开会"], ("今日　开会",)),
    ],
)
def test_arguments_are_words_and_phrases(arguments: list[str], words: tuple[str, ...]) -> None:
    assert parse_words(arguments) == words


@pytest.mark.parametrize("arguments", [["!?"], ["", " "], ['""'], ["—", "…"]])
def test_punctuation_alone_is_nothing_to_look_for(arguments: list[str]) -> None:
    for check in (parse_words, check_words):
        with pytest.raises(InvalidQuery, match="nothing to look for"):
            check(arguments)


def test_too_many_words_are_refused_with_the_advice_to_take_fewer() -> None:
    check_words(())
    check_words(["会" * TERMS_MAX])
    assert parse_words(["x"] * TERMS_MAX)
    for words in (["会" * (TERMS_MAX + 1)], ["a b"] * TERMS_MAX):
        with pytest.raises(InvalidQuery, match="a shorter piece finds it too"):
            parse_words(words)
        with pytest.raises(InvalidQuery, match="a shorter piece finds it too"):
            check_words(words)


def test_an_invalid_query_is_one_of_our_errors_and_a_value_error() -> None:
    assert issubclass(InvalidQuery, UdpnoteError)
    assert issubclass(InvalidQuery, ValueError)


@pytest.mark.parametrize(
    ("text", "words", "matches"),
    [
        ("Die Straße am Fluß", ["STRASSE", "fluss"], True),
        ("Die Straße am Fluß", ["strasse", "see"], False),
        ("breakfast", ["fast"], False),
        ("fast, very fast", ["fast very"], True),
        ("fast, very fast", ["very  FAST!"], True),
        ("very much so fast", ["very fast"], False),
        ("今天开会", ["会"], True),
        ("今天开会", ["天开"], True),
        ("今天，开会", ["天开"], True),
        ("今天不开会", ["天开"], False),
        ("e-mail", ["e mail"], True),
        ("email", ["e-mail"], False),
        ("anything", [], True),
        ("anything", ["!?"], True),
    ],
)
def test_all_words_must_be_there_as_wholes_and_phrases_in_a_row(text: str, words: list[str], matches: bool) -> None:
    assert is_match(text, words) is matches


@given(st.text(SPACELESS + "，。 \n", min_size=1), st.data())
def test_a_text_without_spaces_is_found_by_any_piece_of_it(text: str, data: st.DataObject) -> None:
    start = data.draw(st.sampled_from([place for place, each in enumerate(text) if terms(each)] or [0]))
    assume(unicodedata.category(text[start])[0] in "LN")  # nobody types a mark without its letter
    piece = text[start : data.draw(st.integers(start + 1, len(text)))].rstrip("，。 \n")
    assert is_match(text, [piece])
    assert any(first <= start and start + len(piece) <= last for first, last in occurrences(text, [piece]))


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("Cafe\u0301, Straße!", ["café"], ["Cafe\u0301"]),
        ("Cafe\u0301, Straße!", ["café STRASSE"], ["Cafe\u0301, Straße"]),
        ("ﬁne ﬁn", ["fin"], ["ﬁn"]),
        ("x² ①②", ["12", "x2"], ["x²", "①②"]),
        ("in İstanbul", ["istanbul"], ["İstanbul"]),
        ("㍿と", ["株"], ["㍿"]),
        ("か\u3099か", ["が"], ["か\u3099"]),
        ("ﾊﾟﾝ", ["パン"], ["ﾊﾟﾝ"]),
        ("한국어", ["국"], ["국"]),
        ("今天开会，明天开会", ["开会", "天"], ["天开会", "天开会"]),
        ("哈哈哈", ["哈哈"], ["哈哈哈"]),
        ("a b a b a", ["a b a"], ["a b a b a"]),
        ("fast breakfast FAST", ["fast"], ["fast", "FAST"]),
        ("हिन्दी", ["हिन्दी"], ["हिन्दी"]),
        ("nothing here", ["!?", "there"], []),
        ("", ["x"], []),
    ],
)
def test_what_was_looked_for_is_shown_in_the_text_as_it_was_written(text: str, words: list[str], expected: list[str]) -> None:
    assert [text[start:end] for start, end in occurrences(text, words)] == expected


@given(mixed, st.lists(pieces | st.lists(pieces, max_size=3).map("".join), max_size=3))
@example("e\u0301", ["é"])
def test_a_text_matches_where_each_word_occurs(text: str, words: list[str]) -> None:
    wanted = [word for word in words if terms(word)]
    assert is_match(text, words) == all(occurrences(text, [word]) for word in wanted)


@given(mixed, st.data())
def test_occurrences_are_pieces_of_the_text_in_order_that_match_by_themselves(text: str, data: st.DataObject) -> None:
    found = terms(text)
    assume(found)
    first = data.draw(st.integers(0, len(found) - 1))
    phrase = " ".join(found[first : first + data.draw(st.integers(1, 3))])
    spans = occurrences(text, [phrase])
    assert spans, "a text has its own terms"
    assert all(end < start for (_, end), (start, _) in pairwise(spans)), "they neither overlap nor touch"
    for start, end in spans:
        assert 0 <= start < end <= len(text)
        assert is_match(text[start:end], [phrase])


@given(
    st.sampled_from(
        ["ab #中文,é\u0301がか\u3099ハﾞ ", "ㅎㅏㄴ한", "ßſﬁ①½ab ", "ab0", " ก\u0e31aก", "ABÅ\u00ad\u200db,"]
    ).flatmap(st.text),
    st.integers(1, 300),
)
def test_the_terms_in_portions_are_the_terms(text: str, characters: int) -> None:
    assert [term for portion in terms_in_portions(text, characters) for term in portion] == terms(text)


def test_of_a_text_made_of_tags_only_so_many_places_are_looked_at() -> None:
    assert tags("#a " * (TAG_PLACES_MAX - 1) + "#b #c") == ["a", "b"]


def test_of_a_letter_with_more_marks_than_any_language_has_so_many_count() -> None:
    assert fold("क" + "\u093e" * (MARKS_MAX + 10)) == "क" + "\u093e" * MARKS_MAX
    assert fold_tag("क" + "\u093e" * (MARKS_MAX + 10)) == "क" + "\u093e" * MARKS_MAX


def test_texts_and_tags_of_a_megabyte_of_marks_are_taken_apart_like_others() -> None:
    marks = "\u0300\u0316" * 260_000
    assert terms(f"before {marks} after") == ["before", "after"]
    assert [term for portion in terms_in_portions(f"before {marks} after", 8192) for term in portion] == ["before", "after"]
    [tag] = tags(f"#a{marks}")
    assert tag[0] == "a" or unicodedata.normalize("NFD", tag)[0] == "a"
    assert occurrences(f"a{marks} b", ["b"]) == [(len(marks) + 2, len(marks) + 3)]


def test_of_many_spellings_of_tags_only_so_many_are_looked_at() -> None:
    spelled = [
        f"#{''.join(letter.upper() if number >> place & 1 else letter for place, letter in enumerate('abcdefghij'))}"
        for number in range(TAG_SPELLINGS_MAX)
    ]
    assert tags(" ".join([*spelled[:-1], "#last", "#beyond"])) == ["abcdefghij", "last"]
