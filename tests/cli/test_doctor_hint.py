"""Where no server answers, a command names the one that finds out why."""

import pytest

from tests.support.machine import Machine


@pytest.mark.parametrize("command", ["find --timeout 0.1", "send --wait 0.1 牛奶", "list --wait 0.1"])
def test_where_no_server_answers_the_last_line_names_the_doctor(machine: Machine, command: str) -> None:
    result = machine.run(command)
    assert result.code in (69, 75)
    assert "`udpnote doctor`" in result.err.splitlines()[-1]
    assert result.err.count("doctor") == 1
