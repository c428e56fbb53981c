"""Errors keep their facts when they are copied. The package and its command import modules only when they need them."""

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


def test_the_command_imports_no_new_module_before_it_handles_ctrl_c() -> None:
    program = "import sys; before = set(sys.modules); import udpnote.__main__; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["udpnote", "udpnote.__main__"]


def test_the_package_offers_errors_and_classes_and_its_help_shows_the_classes() -> None:
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
"""Prints an error: while this process may open no more files, then one more, up to seven more, and at last any number."""


def test_an_error_that_can_open_no_file_for_its_sentence_tells_kind_and_values() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_FILES], capture_output=True, text=True, check=True)
    first, *_, last = done.stdout.splitlines()
    assert all(fact in first for fact in ("port_taken", "6683", "[::]"))
    assert "port_taken" not in last and "6683" in last
