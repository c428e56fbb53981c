"""Settings: what was said nearest to the command counts, and a bad value names where it was said."""

import os
from pathlib import Path

import pytest

from udpnote.errors import InvalidSetting
from udpnote.model.address import parse_server
from udpnote.model.entry import AUTHOR_BYTES_MAX
from udpnote.model.join_code import join_code
from udpnote.settings import PORT, WAIT_SECONDS, Settings, find_places, load_settings

VALUES = [
    ("server", "pi.local", "other.local", "third.local"),
    ("port", 7001, 7002, 7003),
    ("author", "amy@pi", "eve@pi", "bob@pi"),
    ("name", "家里", "客厅", "work"),
    ("bind", "127.0.0.1", "127.0.0.2", "::1"),
    ("notebook", "/srv/a", "/srv/b", "/srv/c"),
    ("notebook_id", "aaaa", "bbbb", "cccc"),
    ("text_file", "/srv/a.txt", "/srv/b.txt", "/srv/c.txt"),
    ("wait", 0.5, 2.5, 86400.0),
]


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment with a place for the settings file."""
    return {"UDPNOTE_HOME": str(tmp_path)}


def write_file(home: dict[str, str], text: str) -> str:
    path = find_places(home).settings_file
    Path(path).write_text(text)
    return path


def quoted(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def test_without_any_setting_the_defaults_are_in_force(home: dict[str, str]) -> None:
    folder = home["UDPNOTE_HOME"]
    settings = load_settings({}, home)
    assert settings == Settings(
        server=None,
        port=PORT,
        key=None,
        key_file=None,
        author=settings.author,
        name=None,
        bind=None,
        sealed=False,
        notebook=os.path.join(folder, "notebook.sqlite3"),
        notebook_id=None,
        wait=WAIT_SECONDS,
        outbox=os.path.join(folder, "outbox.sqlite3"),
        history=os.path.join(folder, "history"),
        text_file=None,
    )


@pytest.mark.parametrize(("key", "in_file", "in_environment", "in_flag"), VALUES, ids=[key for key, *_ in VALUES])
def test_a_flag_is_over_the_environment_over_the_file(
    home: dict[str, str], key: str, in_file: object, in_environment: object, in_flag: object
) -> None:
    write_file(home, f"{key} = {quoted(in_file)}\n")
    environment = {**home, f"UDPNOTE_{key.upper()}": str(in_environment)}
    assert getattr(load_settings({}, home), key) == in_file
    assert getattr(load_settings({}, environment), key) == in_environment
    assert getattr(load_settings({key: in_flag}, environment), key) == in_flag


def test_a_flag_that_was_not_given_and_an_empty_variable_change_nothing(home: dict[str, str]) -> None:
    write_file(home, "port = 7001\n")
    assert load_settings({"port": None}, {**home, "UDPNOTE_PORT": ""}).port == 7001


def test_what_is_not_given_in_one_place_comes_from_the_next(home: dict[str, str]) -> None:
    write_file(home, 'port = 7001\nname = "家里"\n')
    settings = load_settings({"wait": "1.5"}, {**home, "UDPNOTE_PORT": "7002"})
    assert (settings.wait, settings.port, settings.name, settings.server) == (1.5, 7002, "家里", None)


BAD_VALUES = [
    ("server", "  "),
    ("port", "0"),
    ("port", "65536"),
    ("port", "-1"),
    ("port", "notes"),
    ("author", "  "),
    ("author", "x" * (AUTHOR_BYTES_MAX + 1)),
    ("name", " "),
    ("bind", "\t"),
    ("notebook", " "),
    ("notebook_id", " "),
    ("text_file", " "),
    ("wait", "-0.1"),
    ("wait", "86401"),
    ("wait", "nan"),
    ("wait", "soon"),
]


@pytest.mark.parametrize(("key", "value"), BAD_VALUES)
def test_a_bad_value_names_the_place_it_comes_from(home: dict[str, str], key: str, value: str) -> None:
    flag = f"--{key.replace('_', '-')}"
    with pytest.raises(InvalidSetting, match=f"^{flag}\\b"):
        load_settings({key: value}, home)
    variable = f"UDPNOTE_{key.upper()}"
    with pytest.raises(InvalidSetting, match=f"^{variable}\\b"):
        load_settings({}, {**home, variable: value})
    path = write_file(home, f"{key} = {quoted(value)}\n")
    with pytest.raises(InvalidSetting) as error:
        load_settings({}, home)
    assert str(error.value).startswith(f"{path}: {key}")


@pytest.mark.parametrize(
    "line",
    [
        "port = true",
        "port = 6683.0",
        "port = [6683]",
        "wait = true",
        'wait = "5 s"',
        "name = 5",
        "server = ''",
        "author = false",
    ],
)
def test_a_value_of_another_type_is_refused_and_named(home: dict[str, str], line: str) -> None:
    path = write_file(home, f"{line}\n")
    with pytest.raises(InvalidSetting) as error:
        load_settings({}, home)
    assert str(error.value).startswith(f"{path}: {line.split()[0]} must be")


def test_an_unknown_setting_in_the_file_is_refused_with_the_ones_there_are(home: dict[str, str]) -> None:
    path = write_file(home, 'port = 7001\nserver_name = "pi"\n')
    with pytest.raises(InvalidSetting) as error:
        load_settings({}, home)
    assert str(error.value).startswith(f"{path}: unknown setting 'server_name'; there are server, port")


@pytest.mark.parametrize("content", [b"port = ", b"[[", b'name = "\xff\xfe"\n', "name = “家里”".encode()])
def test_a_damaged_settings_file_is_an_error_that_names_it(home: dict[str, str], content: bytes) -> None:
    path = Path(find_places(home).settings_file)
    path.write_bytes(content)
    with pytest.raises(InvalidSetting) as error:
        load_settings({}, home)
    assert str(error.value).startswith(f"the settings file {path} is damaged")


def test_a_settings_file_that_cannot_be_read_is_an_error_that_names_it(home: dict[str, str]) -> None:
    path = Path(find_places(home).settings_file)
    path.symlink_to(path)
    with pytest.raises(InvalidSetting, match=r"cannot read the settings file .*config.toml \(Too many levels"):
        load_settings({}, home)


@pytest.mark.parametrize("kind", ["folder", "pipe", "device"])
def test_what_is_no_file_is_no_settings_file_and_holds_nobody_up(home: dict[str, str], kind: str) -> None:
    path = Path(find_places(home).settings_file)
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case _:
            path.symlink_to("/dev/zero")
    with pytest.raises(InvalidSetting, match=rf"^{path} should be the settings file, but it is a folder, a pipe or a device"):
        load_settings({}, home)


def test_a_notebook_path_is_made_absolute_and_the_tilde_is_the_home(
    home: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/amy")
    assert load_settings({"notebook": "~/notes"}, home).notebook == "/home/amy/notes"
    assert load_settings({"notebook": "notes"}, home).notebook == os.path.abspath("notes")


def test_everything_is_in_the_home_that_is_named(tmp_path: Path) -> None:
    home = str(tmp_path)
    assert find_places({"UDPNOTE_HOME": home}) == (os.path.join(home, "config.toml"), home, home)


@pytest.mark.parametrize("environ", [{}, {"UDPNOTE_HOME": ""}], ids=["not set", "empty"])
def test_without_a_named_home_everything_is_where_the_system_says(environ: dict[str, str]) -> None:
    places = find_places(environ)
    assert os.path.basename(places.settings_file) == "config.toml"
    assert all("udpnote" in place for place in places)
    assert all(os.path.isabs(place) for place in places)


def test_the_default_author_is_user_at_host(home: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "amy")
    assert load_settings({}, home).author == f"amy@{os.uname().nodename}"


@pytest.mark.parametrize("user", ["艾" * 60, "x" * 300, "\udce6my"], ids=["long Chinese", "long", "not UTF-8"])
def test_a_default_author_is_never_too_long_or_broken(home: dict[str, str], monkeypatch: pytest.MonkeyPatch, user: str) -> None:
    monkeypatch.setenv("LOGNAME", user)
    author = load_settings({}, home).author
    assert load_settings({"author": author}, home).author == author


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ("pi.local", ("pi.local", 6683)),
        ("pi.local:7000", ("pi.local", 7000)),
        ("pi.local:", ("pi.local", 6683)),
        ("192.0.2.7", ("192.0.2.7", 6683)),
        ("192.0.2.7:65535", ("192.0.2.7", 65535)),
        ("[2001:db8::1]:7000", ("2001:db8::1", 7000)),
        ("[2001:db8::1]", ("2001:db8::1", 6683)),
        ("[fe80::1%eth0]:7000", ("fe80::1%eth0", 7000)),
        ("fe80::1%eth0", ("fe80::1%eth0", 6683)),
        ("2001:db8::1", ("2001:db8::1", 6683)),
        ("::1", ("::1", 6683)),
    ],
)
def test_a_server_is_a_host_and_perhaps_a_port(server: str, expected: tuple[str, int]) -> None:
    assert parse_server(server, 6683) == expected


@pytest.mark.parametrize("server", ["", ":7000", "[]:7000", "[]"])
def test_a_server_without_a_host_is_refused_with_an_example(server: str) -> None:
    with pytest.raises(InvalidSetting, match=r"names no host: write HOST or HOST:PORT"):
        parse_server(server, 6683)


@pytest.mark.parametrize("server", ["[::1", "[::1]7000", "[::1]x:7000"])
def test_a_server_with_half_a_bracket_is_refused_with_an_example(server: str) -> None:
    with pytest.raises(InvalidSetting, match=r"is not an address: write \[IPV6\]:PORT"):
        parse_server(server, 6683)


@pytest.mark.parametrize("server", ["pi:0", "pi:65536", "pi:notes", "pi:-1", "[::1]:0", "[::1]:x", "pi:7.0"])
def test_a_bad_port_of_a_server_is_refused_and_the_server_is_named(server: str) -> None:
    with pytest.raises(InvalidSetting) as error:
        parse_server(server, 6683)
    assert str(error.value).startswith(f"the port of {server!r} must be a UDP port from 1 to 65535")


@pytest.mark.parametrize("variable", ["UDPNOTE_KEY", "UDPNOTE_KEY_FILE"])
def test_a_key_that_is_set_and_empty_is_no_key_and_nothing_goes_out_without(home: dict[str, str], variable: str) -> None:
    with pytest.raises(InvalidSetting, match=variable):
        load_settings({}, home | {variable: ""})


def test_a_key_that_is_named_nearer_is_over_a_key_file_and_the_reverse(home: dict[str, str]) -> None:
    code = join_code(b"k" * 16)
    write_file(home, f'key = "{code}"')
    assert load_settings({}, home).key == b"k" * 16
    settings = load_settings({}, home | {"UDPNOTE_KEY_FILE": "/key"})
    assert (settings.key, settings.key_file) == (None, "/key")
    settings = load_settings({"key": code}, home | {"UDPNOTE_KEY_FILE": "/key"})
    assert (settings.key, settings.key_file) == (b"k" * 16, None)
    settings = load_settings({"key_file": "/flag"}, home | {"UDPNOTE_KEY": code})
    assert (settings.key, settings.key_file) == (None, "/flag")


@pytest.mark.parametrize("text", ["port = " + "[" * 5000, "port = " + "9" * 5000])
def test_a_settings_file_that_nobody_would_write_is_told_of_like_any_other(home: dict[str, str], text: str) -> None:
    write_file(home, text)
    with pytest.raises(InvalidSetting, match="damaged"):
        load_settings({}, home)
