"""What `udpnote doctor` prints on a terminal; `tests/system/test_doctor.py` tests what it finds."""

import re

from tests.support.machine import Machine


def test_on_a_narrow_terminal_each_finding_has_its_verdict_once_and_goes_on_below_its_text(served: Machine) -> None:
    for columns, indent in ((20, 2), (50, 13)):
        terminal = served.terminal(columns=columns)
        served.start("doctor", at=terminal, environ={"COLUMNS": str(columns)}).wait()
        assert re.search(r"(not checked|fine|trouble)\s+\1\b", terminal.text) is None
        assert len(re.findall(rf"^ {{{indent}}}\S", terminal.text, re.MULTILINE)) > 2
