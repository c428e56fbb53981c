"""Which programs a service of the whole system may start."""

import os
from pathlib import Path

import pytest

from tests.support.errors import raises
from udpnote.cli.systemd.executable import check_trusted, places_of_code, server_program
from udpnote.cli.systemd.systemctl import ServiceRefused
from udpnote.errors import Notice


def test_a_program_that_only_root_can_change_is_trusted() -> None:
    check_trusted(["/bin/sh", "/usr/bin/env", "/usr/lib/python3/not-there"])


@pytest.mark.parametrize("place", ["/home/ann/venv/bin/udpnote", "/root/.local/bin/udpnote", "/home", "/run/user/0/x"])
def test_a_program_in_a_home_folder_is_refused_whether_it_exists_or_not(place: str) -> None:
    with raises(ServiceRefused, "service_in_home", path=place):
        check_trusted(["/bin/sh", place])


def test_a_program_that_others_can_change_is_refused_and_named(tmp_path: Path) -> None:
    program = tmp_path / "udpnote"
    program.touch()
    (tmp_path / "link").symlink_to(program)
    shared = next(str(each) for each in reversed(program.parents) if each.stat().st_mode & 0o022 or each.stat().st_uid)
    for each in (program, tmp_path / "link"):
        with pytest.raises(ServiceRefused) as refused:
            check_trusted([str(each)])
        assert refused.value.notice.kind in ("service_writable_by_others", "service_not_of_root")
        assert refused.value.notice.values["path"] == shared
    if os.geteuid() == 0:
        own = Path("/usr/local/lib") / f"udpnote-test-{os.getpid()}"
        own.mkdir()
        try:
            check_trusted([str(own)])
            own.chmod(0o757)
            with raises(ServiceRefused, "service_writable_by_others", path=str(own)):
                check_trusted([str(own / "udpnote")])
            own.chmod(0o755)
            os.chown(own, 4321, -1)
            with raises(ServiceRefused, "service_not_of_root", path=str(own), owner=Notice("user_without_name", user=4321)):
                check_trusted([str(own / "udpnote")])
        finally:
            own.rmdir()


def test_the_program_is_the_installed_command_and_python_and_the_package_count_as_loaded() -> None:
    [program] = server_program()
    assert os.path.basename(program) == "udpnote" and os.access(program, os.X_OK)
    places = places_of_code(program)
    assert program in places and any(each.endswith("/udpnote") and os.path.isdir(each) for each in places)
    assert any(os.access(each, os.X_OK) and os.path.basename(each).startswith("python") for each in places)
