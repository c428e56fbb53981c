"""How a command ends: the exit code and the message of an error of the system say where it came from."""

import errno
import os

import pytest

from tests.support.machine import Machine
from udpnote.cli.exit_codes import REFUSED, exit_code_of
from udpnote.errors import Notice


@pytest.mark.parametrize(
    ("code", "path", "kind"),
    [
        (errno.ENOSPC, None, "output_not_written"), (errno.EMFILE, None, "too_many_open_files"),
        (errno.ENFILE, "udpnote/a.py", "too_many_open_files"), (errno.ENOENT, None, "command_cut_short"),
        (errno.EACCES, "udpnote/a.py", "command_cut_short_at_file"),
    ],
)  # fmt: skip
def test_only_an_error_that_writing_may_have_is_called_one_of_the_output(
    code: int, path: str | None, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    error = OSError(code, os.strerror(code), path)

    def fail() -> int:
        raise error

    assert exit_code_of(fail) == REFUSED
    place = {"path": path} if kind == "command_cut_short_at_file" else {}
    assert capfd.readouterr().err == f"udpnote: {Notice(kind, problem=error.strerror, **place)}\n"


@pytest.mark.parametrize("command", ["find --timeout 0.1", "send --wait 0.1 牛奶", "list --wait 0.1"])
def test_where_no_server_answers_the_last_line_names_the_doctor(machine: Machine, command: str) -> None:
    result = machine.run(command)
    assert result.code in (69, 75)
    assert "`udpnote doctor`" in result.err.splitlines()[-1]
    assert result.err.count("doctor") == 1
