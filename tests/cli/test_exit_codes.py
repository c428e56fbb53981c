"""How a command ends: its exit code, and the message about an error of the operating system."""

import errno
import os

import pytest

from tests.support.machine import Machine
from udpnote.cli.exit_codes import DONE, REFUSED, exit_code_of
from udpnote.errors import Notice
from udpnote.storage.outbox.log_sync import sync


@pytest.mark.parametrize(
    ("code", "path", "kind"),
    [
        (errno.ENOSPC, None, "output_not_written"), (errno.EMFILE, None, "too_many_open_files"),
        (errno.ENFILE, "udpnote/a.py", "too_many_open_files"), (errno.ENOENT, None, "command_cut_short"),
        (errno.EACCES, "udpnote/a.py", "command_cut_short_at_file"),
    ],
)  # fmt: skip
def test_only_an_error_that_writing_can_raise_is_blamed_on_the_output(
    code: int, path: str | None, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    error = OSError(code, os.strerror(code), path)

    def fail() -> int:
        raise error

    assert exit_code_of(fail) == REFUSED
    place = {"path": path} if kind == "command_cut_short_at_file" else {}
    assert capfd.readouterr().err == f"udpnote: {Notice(kind, problem=error.strerror, **place)}\n"


def test_an_error_from_outside_the_command_line_is_not_blamed_on_the_output(capfd: pytest.CaptureFixture[str]) -> None:
    reader, writer = os.pipe()

    def fail() -> int:
        sync(writer)  # EINVAL, which a standard output may give as well: a pipe is on no disk
        return DONE

    try:
        assert exit_code_of(fail) == REFUSED
    finally:
        os.close(reader)
        os.close(writer)
    assert capfd.readouterr().err == f"udpnote: {Notice('command_cut_short', problem=os.strerror(errno.EINVAL))}\n"


@pytest.mark.parametrize("command", ["find --timeout 0.1", "send --wait 0.1 牛奶", "list --wait 0.1"])
def test_where_no_server_answers_the_last_line_names_the_doctor(machine: Machine, command: str) -> None:
    result = machine.run(command)
    assert result.code in (69, 75)
    assert "`udpnote doctor`" in result.err.splitlines()[-1]
    assert result.err.count("doctor") == 1
