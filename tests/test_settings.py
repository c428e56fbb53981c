"""Settings: a flag comes before the environment and the file, and the error about a bad value names its place."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast
from unittest import mock

import pytest
from platformdirs import user_config_dir, user_data_dir, user_state_dir

from tests.support.errors import raises
from udpnote.client.status import find_sources, source_of_place
from udpnote.errors import InvalidKey, InvalidSetting, Notice
from udpnote.machine.names import host_name
from udpnote.model.entry import AUTHOR_BYTES_MAX
from udpnote.model.join_code import join_code
from udpnote.model.language import SIMPLIFIED
from udpnote.settings import (
    DEFAULT,
    PORTS,
    SETTINGS_FILE_BYTES_MAX,
    UNSET,
    WAIT_SECONDS,
    Flags,
    Settings,
    Source,
    absolute_path,
    chosen_language,
    find_places,
    load_settings,
)
from udpnote.text.language import speaking

Environ = dict[str, str]


@pytest.fixture
def home(tmp_path: Path) -> Environ:
    """An environment with a place for the settings file."""
    return {"UDPNOTE_HOME": str(tmp_path)}


def settings_file(home: Environ) -> Path:
    return Path(find_places(home).settings_file)


def refused(home: Environ, flags: object = None) -> InvalidSetting:
    """The error with which these flags, or the environment `home`, are refused."""
    with pytest.raises(InvalidSetting) as error:
        load_settings(cast(Flags | None, flags), home)
    return error.value


def test_without_any_setting_the_defaults_are_in_force(home: Environ) -> None:
    folder = home["UDPNOTE_HOME"]
    assert load_settings({}, home | {"LOGNAME": "amy"}) == Settings(
        server=None, port=None, key=None, key_file=None, author=f"amy@{os.uname().nodename}", name=None, bind=None,
        sealed=None, file=f"{folder}/notebook.sqlite3", notebook=None, text_file=None, wait=WAIT_SECONDS,
        language=None, outbox=f"{folder}/outbox.sqlite3", history=f"{folder}/history",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "in_file", "in_environment", "in_flag"),
    [
        ("server", "pi.local", "other.local", "third.local"), ("port", 7001, 7002, 7003),
        ("author", "amy@pi", "eve@pi", "bob@pi"), ("name", "家里", "客厅", "work"), ("bind", "127.0.0.1", "127.0.0.2", "::1"),
        ("sealed", True, False, True), ("file", "/srv/a", "/srv/b", "/srv/c"), ("notebook", "aaaa", "bbbb", "cccc"),
        ("text_file", "/srv/a.txt", "/srv/b.txt", "/srv/c.txt"), ("wait", 0.5, 2.5, 86400.0),
        ("language", "zh_CN", "zh_TW", "en"),
    ],
)  # fmt: skip
def test_a_flag_comes_before_the_environment_the_file_and_the_default(
    home: Environ, name: str, in_file: object, in_environment: object, in_flag: object
) -> None:
    default = getattr(load_settings({}, home), name)
    settings_file(home).write_text(f"{name} = {json.dumps(in_file)}\n")
    environ = home | {f"UDPNOTE_{name.upper()}": str(in_environment)}
    flags = [cast(Flags, each) for each in ({}, {name: None}, {name: in_flag}, {name: UNSET})]
    found = [getattr(load_settings(each, environ), name) for each in flags]
    assert found == [in_environment, in_environment, in_flag, default]
    place, option = str(settings_file(home)), f"--{name.replace('_', '-')}"
    variable = Source("environment", f"UDPNOTE_{name.upper()}")
    assert [find_sources(each, environ)[name] for each in flags] == [variable, variable, Source("flag", option), DEFAULT]
    for unset in (home, home | {f"UDPNOTE_{name.upper()}": ""}):
        assert getattr(load_settings({}, unset), name) == in_file
        assert find_sources({}, unset) == dict.fromkeys(Settings._fields, DEFAULT) | {name: Source("settings file", place)}


def test_a_file_that_a_variable_moves_has_that_variable_as_its_source(home: Environ) -> None:
    xdg = {"XDG_DATA_HOME": "/srv/data/", "XDG_STATE_HOME": "/srv/state"}
    for environ, path, variable in (
        (home | xdg, f"{home['UDPNOTE_HOME']}/outbox.sqlite3", "UDPNOTE_HOME"),
        (xdg, "/srv/data/udpnote/outbox.sqlite3", "XDG_DATA_HOME"), (xdg, "/srv/state/udpnote/history", "XDG_STATE_HOME"),
        (xdg, "/srv/database", None), ({"XDG_DATA_HOME": ""}, "/srv/data", None),
    ):  # fmt: skip
        assert source_of_place(path, environ).place == variable


def test_a_server_may_be_typed_in_full_width_characters(home: Environ) -> None:
    assert load_settings({"server": "１９２。0．2.7：７０００"}, home).server == "192.0.2.7:7000"


def test_the_ports_are_the_default_ones_or_the_one_that_is_set(home: Environ) -> None:
    assert load_settings({}, home).ports == PORTS == (6683, 6684, 6685, 6686)
    assert load_settings({"port": 6683}, home).ports == (6683,)


def test_the_error_about_a_bad_value_names_its_place(home: Environ) -> None:
    for name, value in (
        *((name, " ") for name in ("server", "author", "name", "bind", "file", "notebook", "text_file")),
        *(("port", value) for value in ("0", "65536", "-1", "notes")), *(("wait", value) for value in ("-0.1", "86401", "nan")),
        ("wait", "soon"), ("sealed", "perhaps"), ("author", "x" * (AUTHOR_BYTES_MAX + 1)), ("key", "answer_invalid"),
    ):  # fmt: skip
        settings_file(home).unlink(missing_ok=True)
        variable = f"UDPNOTE_{name.upper()}"
        assert str(refused(home, {name: value})).startswith(f"--{name.replace('_', '-')}")
        assert str(refused(home | {variable: value})).startswith(variable)
        settings_file(home).write_text(f"{name} = {json.dumps(value)}\n")
        assert str(refused(home)).startswith(f"{settings_file(home)}: {name}")
        with speaking(SIMPLIFIED):
            assert ": " not in str(refused(home))  # Chinese sentences have a full-width colon


def test_a_value_of_another_type_and_an_unknown_setting_in_the_file_are_refused(home: Environ) -> None:
    for name, value in (
        *(("port", value) for value in ("true", "6683.0", "[6683]")), *(("wait", value) for value in ("true", '"5 s"')),
        ("name", "5"), ("server", "''"), ("author", "false"), ("key", "5"), ("file", r'"a\u0000b"'),
    ):  # fmt: skip
        settings_file(home).write_text(f"{name} = {value}\n")
        assert str(refused(home)).startswith(f"{settings_file(home)}: {name}")
    settings_file(home).write_text('port = 7001\nserver_name = "pi"\n')
    notice = refused(home).notice
    assert (notice.kind, notice.values["name"]) == ("setting_unknown", "server_name")


def written(content: bytes) -> Callable[[Path], object]:
    """A function that writes a file with this content."""
    return lambda path: path.write_bytes(content)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        *((written(bad), "damaged") for bad in (b"port = ", "name = “家里”".encode())),
        *((written(bad), "not_utf8") for bad in (b'name = "\xff\xfe"\n', "wait = 1".encode("utf-16"))),
        *((written(b"port = " + bad * 5000), "damaged") for bad in (b"[", b"9")),
        (lambda path: path.write_text("#" * (SETTINGS_FILE_BYTES_MAX + 1)), "too_long"),
        *((make, "irregular") for make in (Path.mkdir, os.mkfifo, lambda path: path.symlink_to("/dev/zero"))),
        (lambda path: path.symlink_to(path), "unreadable"),
    ],
)
def test_a_settings_file_that_cannot_be_used_is_an_error(home: Environ, make: Callable[[Path], object], kind: str) -> None:
    make(settings_file(home))
    notice = refused(home).notice
    assert (notice.kind, notice.values["path"]) == (f"settings_file_{kind}", str(settings_file(home)))


PATHS = [("/srv/notes", "/srv/notes"), ("~/notes", "/home/amy/notes"), ("notes", os.path.abspath("notes"))]
"""Paths as people type them, and the same ones as absolute paths for a user whose home folder is /home/amy."""


@pytest.mark.parametrize(("typed", "absolute"), PATHS)
def test_a_path_becomes_absolute(home: Environ, monkeypatch: pytest.MonkeyPatch, typed: str, absolute: str) -> None:
    monkeypatch.setenv("HOME", "/home/amy")
    assert load_settings({"file": typed}, home).file == absolute


@pytest.mark.parametrize(("typed", "absolute"), PATHS)
def test_udpnote_home_is_the_folder_of_all_files(monkeypatch: pytest.MonkeyPatch, typed: str, absolute: str) -> None:
    monkeypatch.setenv("HOME", "/home/amy")
    assert find_places({"UDPNOTE_HOME": typed}) == (f"{absolute}/config.toml", absolute, absolute)


@pytest.mark.parametrize("environ", [{}, {"UDPNOTE_HOME": ""}])
def test_without_udpnote_home_all_files_are_in_folders_of_udpnote(environ: Environ) -> None:
    places = find_places(environ)
    assert os.path.basename(places.settings_file) == "config.toml"
    assert all("udpnote" in place and os.path.isabs(place) for place in places)


@pytest.mark.parametrize("platform", ["linux", "freebsd14"])
@pytest.mark.parametrize("xdg", [{}, {"XDG_CONFIG_HOME": "/srv/config", "XDG_STATE_HOME": "state"}, {"XDG_DATA_HOME": ""}])
def test_the_folders_are_those_of_platformdirs(monkeypatch: pytest.MonkeyPatch, platform: str, xdg: Environ) -> None:
    for variable in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in (xdg | {"HOME": "/home/amy"}).items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setattr(sys, "platform", platform)
    places = find_places(xdg)
    expected = [find("udpnote", appauthor=False) for find in (user_config_dir, user_data_dir, user_state_dir)]
    assert [places.settings_file, places.data, places.state] == [f"{expected[0]}/config.toml", *expected[1:]]


def test_a_settings_file_may_begin_with_a_byte_order_mark(home: Environ) -> None:
    settings_file(home).write_bytes("name = '家里'\r\n".encode("utf-8-sig"))
    assert load_settings({}, home).name == "家里"


def test_a_user_without_a_home_folder_is_told_to_name_one(home: Environ, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    with mock.patch("pwd.getpwuid", side_effect=KeyError):
        assert refused({}).notice.kind == "no_home_folder"
        for environ in ({"UDPNOTE_HOME": "~/notes"}, home | {"UDPNOTE_FILE": "~/notes"}):
            assert refused(environ).notice.kind == "setting_home_unknown"
        assert load_settings({}, home).outbox == f"{home['UDPNOTE_HOME']}/outbox.sqlite3"


def test_a_home_folder_that_is_not_utf8_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/b\udcfcro")
    for environ, where in (({}, Notice("home_folder")), ({"UDPNOTE_HOME": "/b\udcfcro"}, "UDPNOTE_HOME")):
        notice = refused(environ).notice
        assert (notice.kind, notice.values["where"]) == ("setting_not_utf8", where)


def test_a_relative_path_from_a_folder_that_was_deleted_is_refused(
    home: Environ, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert refused(home, {"file": "notes"}).notice.kind == "current_folder_gone"
    with raises(InvalidSetting, "current_folder_gone", where="file"):
        absolute_path(Path("notes"), "file")
    assert load_settings({"file": "/notes"}, home).file == absolute_path(Path("/notes"), "file") == "/notes"


def test_a_path_from_a_program_must_be_text_without_a_zero_byte() -> None:
    for wrong, kind in ((b"/notes", "setting_not_text"), ("a\0b", "setting_not_a_path")):
        with raises(InvalidSetting, kind, where="file"):
            absolute_path(wrong, "file")


@pytest.mark.parametrize(
    ("node", "name"), [("büro", "büro"), ("b\udcfcro", "b?ro"), (" ", "localhost"), ("家" * 30, "家" * 21)]
)
def test_a_host_name_becomes_text_whatever_bytes_it_has(home: Environ, node: str, name: str) -> None:
    with mock.patch("os.uname", return_value=mock.Mock(nodename=node)):
        assert (host_name(), load_settings({}, home | {"LOGNAME": "amy"}).author) == (name, f"amy@{name}")


def test_the_default_author_is_never_too_long_or_broken(home: Environ) -> None:
    for user in ("艾" * 60, "x" * 300, "\udce6my"):
        author = load_settings({}, home | {"LOGNAME": user}).author
        assert load_settings({"author": author}, home).author == author


def test_of_a_key_and_a_key_file_only_the_one_from_the_first_source_counts(home: Environ) -> None:
    code = join_code(b"k" * 16)
    settings_file(home).write_text(f'key = "{code}"')
    variable, with_code = {"UDPNOTE_KEY_FILE": "/key"}, {"UDPNOTE_KEY": code}
    cases: list[tuple[Flags, Environ, tuple[bytes | None, str | None]]] = [
        ({}, {}, (b"k" * 16, None)), ({}, variable, (None, "/key")), ({"key": code}, variable, (b"k" * 16, None)),
        ({"key_file": "/flag"}, with_code, (None, "/flag")), ({"key": UNSET}, variable, (None, None)),
    ]  # fmt: skip
    for flags, environ, expected in cases:
        settings = load_settings(flags, home | environ)
        assert (settings.key, settings.key_file) == expected


def test_an_empty_key_variable_is_an_error_so_that_no_entry_is_sent_unsealed(home: Environ) -> None:
    for variable in ("UDPNOTE_KEY", "UDPNOTE_KEY_FILE"):
        assert refused(home | {variable: ""}).notice.values["where"] == variable


def test_the_error_about_a_key_does_not_repeat_the_code(home: Environ) -> None:
    code = join_code(b"k" * 16)[:-1]
    error = refused(home, {"key": code})
    assert isinstance(error, InvalidKey) and code not in str(error)


def test_a_value_that_is_not_utf8_is_refused(home: Environ) -> None:
    assert refused(home, {"name": "\udce6my"}).notice.kind == "setting_not_utf8"


@pytest.mark.parametrize(
    ("in_file", "environ", "language"),
    [
        ("", {}, "en"),
        ("", {"LANG": "zh_CN.UTF-8"}, "zh_CN"),
        ('language = "zh-Hant"', {"LANG": "zh_CN.UTF-8"}, "zh_TW"),
        ('language = "zh-Hant"', {"UDPNOTE_LANGUAGE": "en", "LANG": "zh_CN.UTF-8"}, "en"),
        ('language = "klingon"', {"UDPNOTE_LANGUAGE": "romulan", "LANG": "zh_CN.UTF-8"}, "zh_CN"),
        ("port = ", {"UDPNOTE_LANGUAGE": "zh_TW", "LANG": "zh_CN.UTF-8"}, "zh_TW"),
    ],
)
def test_the_setting_of_the_language_precedes_the_locale_and_a_wrong_one_is_ignored(
    home: Environ, in_file: str, environ: Environ, language: str
) -> None:
    settings_file(home).write_text(in_file)
    assert chosen_language(home | environ) == language


def test_an_unknown_language_is_refused(home: Environ) -> None:
    assert refused(home | {"UDPNOTE_LANGUAGE": "klingon"}).notice.kind == "setting_not_a_language"
