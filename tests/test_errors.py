"""Errors as facts: copied and pickled with them; and the package, which is imported without any of its modules."""

import copy
import pickle
import subprocess
import sys

import pytest

from udpnote.errors import OldKey, Queued, UdpnoteError, WrongNotebook

ERRORS = [
    WrongNotebook("another_notebook_there", asked="kitchen", answered="home"),
    OldKey("old_key", notebook="home", name="home"),
    Queued("queue_ended", client_id=bytes(16), sequence=7),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_is_copied_and_pickled_with_its_facts(error: UdpnoteError) -> None:
    for copied in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (type(copied), copied.notice, copied.args) == (type(error), error.notice, error.args)
        assert vars(copied) == vars(error)


def test_until_ctrl_c_is_taken_care_of_the_command_loads_no_module_that_python_has_not_loaded() -> None:
    program = "import sys; before = set(sys.modules); import udpnote.__main__; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["udpnote", "udpnote.__main__"]


def test_the_package_has_its_errors_and_its_help_shows_both_classes() -> None:
    program = "import udpnote; print(udpnote.errors.Queued.__name__, sorted(udpnote.__all__)); help(udpnote)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Queued ['Client', 'Server', '__version__', 'errors']\n")
    assert all(f"    class {name}(" in done.stdout for name in ("Client", "Server"))
    assert "serve_forever(self)" in done.stdout


WITHOUT_FILES = """
import os, resource
from udpnote.errors import AddressInUse
error = AddressInUse("port_taken", port=6683, address="[::]:6683")
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
lowest = os.dup(0)
os.close(lowest)
for files in (*range(lowest, lowest + 8), hard):
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    print(error)
"""


def test_without_a_file_to_open_for_its_sentence_an_error_tells_its_kind_and_values() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_FILES], capture_output=True, text=True, check=True)
    first, *_, last = done.stdout.splitlines()
    assert all(fact in first for fact in ("port_taken", "6683", "[::]"))
    assert "port_taken" not in last and "6683" in last
