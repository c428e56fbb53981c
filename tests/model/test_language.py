"""Which language a tag or a locale names."""

import pytest

from udpnote.model.language import language_named, language_of_locale


@pytest.mark.parametrize(
    ("tags", "language"),
    [
        (("en", "en_GB.UTF-8", "EN-us", "C", "C.UTF-8", "POSIX"), "en"),
        (("zh", "zh_CN", "zh_CN.GBK", "zh-Hans", "zh_SG.utf8", "zh-Hans-TW", "ZH_cn@pinyin"), "zh_CN"),
        (("zh_TW", "zh-Hant", "zh_HK.UTF-8", "zh-MO", "zh-Hant-CN"), "zh_TW"),
        (("", "fr_FR", "zhx", "chinese", "_", "."), None),
    ],
)
def test_a_tag_names_a_language(tags: tuple[str, ...], language: str | None) -> None:
    assert {language_named(tag) for tag in tags} == {language}


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh_CN"),
        ({"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "zh_TW.UTF-8"}, "zh_TW"),
        ({"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "zh_TW.UTF-8", "LC_ALL": "en_US.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": ""}, "zh_CN"),
        ({"LANG": "en_US.UTF-8", "LANGUAGE": "fr:zh_TW:en"}, "zh_TW"),
        ({"LANG": "fr_FR.UTF-8", "LANGUAGE": "fr:de"}, "en"),
        ({"LANG": "C.UTF-8", "LANGUAGE": "zh_CN"}, "en"),
        ({"LANG": "POSIX", "LANGUAGE": "zh_CN"}, "en"),
        ({"LANGUAGE": "zh_CN"}, "en"),
    ],
)
def test_the_locale_asks_for_a_language(environ: dict[str, str], language: str) -> None:
    assert language_of_locale(environ) == language
