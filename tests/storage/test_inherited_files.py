"""What a process that `os.fork` has made can do with the databases that its parent had open: nothing, also when it ends."""

from pathlib import Path

import pytest

from tests.support.killed import FORKING, printed_by


def test_a_child_process_uses_an_outbox_only_if_its_parent_had_it_closed_at_the_fork(tmp_path: Path) -> None:
    program = f"""{FORKING}
from udpnote.storage.outbox.outbox import Outbox
def add(name):
    outbox = Outbox({str(tmp_path)!r} + name)
    outbox.add(["a note"], author="lin", written_at=0, utc_offset=0)
    count = len(outbox.listing())
    outbox.close()
    return count
print(add("/closed"))
in_child(lambda: add("/closed"))
outbox = Outbox({str(tmp_path)!r} + "/open")
def add_after_closing():
    outbox.close()
    return add("/open")
in_child(lambda: add("/open"))
in_child(add_after_closing)
in_child(lambda: add("/another"))
outbox.close()
in_child(lambda: add("/open"))
"""
    assert printed_by(program).split() == ["1", "2", *["file_open_at_fork"] * 2, "1", "1"]


def test_a_child_process_reads_serves_and_erases_no_notebook_that_its_parent_had_open(tmp_path: Path) -> None:
    program = f"""{FORKING}
from contextlib import closing
from udpnote import Server
from udpnote.client.reading.file_reader import FileReader
from udpnote.storage.notebook.erasure import prepared_erasure
path = {str(tmp_path / "notebook.sqlite3")!r}
def read():
    with FileReader(path) as reader:
        return reader.last_number()
def serve():
    Server(path, bind="127.0.0.1", port=0).stop()
def erase():
    with prepared_erasure(path, 1):
        pass
in_child(serve)
with FileReader(path):
    in_child(read)
    in_child(serve)
with Server(path, bind="127.0.0.1", port=0):
    in_child(read)
    in_child(serve)
    in_child(erase)
in_child(read)
in_child(serve)
"""
    assert printed_by(program).split() == ["None", *["file_open_at_fork"] * 5, "0", "None"]


@pytest.mark.parametrize("end", ["sys.exit()", "del outbox; gc.collect(); os._exit(0)", "outbox.close(); os._exit(0)"])
def test_the_end_of_a_child_process_keeps_the_log_of_a_command_that_was_killed_meanwhile(tmp_path: Path, end: str) -> None:
    path = str(tmp_path / "outbox.sqlite3")
    program = f"""
import gc, os, signal, subprocess, sys
from udpnote.storage.outbox.outbox import Outbox
ADD = '''
import os, signal
from udpnote.storage.outbox.outbox import Outbox
outbox = Outbox({path!r})
outbox.add(["a note"], author="lin", written_at=0, utc_offset=0)
'''
exec(ADD)
reader, writer = os.pipe()
if not (child := os.fork()):
    os.close(writer)
    os.read(reader, 1)
    {end}
outbox.close()
subprocess.run([sys.executable, "-c", ADD + "os.kill(os.getpid(), signal.SIGKILL)"])
os.close(writer)
os.waitpid(child, 0)
print(len(Outbox({path!r}).listing()))
"""
    assert printed_by(program).split() == ["2"]


def test_a_child_process_keeps_its_file_that_has_the_inode_of_a_deleted_database(tmp_path: Path) -> None:
    path = str(tmp_path / "diary")
    program = f"""{FORKING}
from udpnote.storage.inherited_files import record_opened
record_opened({path!r})  # as if a database had had this inode
def write():
    diary.write("still open")
    diary.flush()
with open({path!r}, "r+") as diary:
    in_child(write)
"""
    Path(path).touch()
    assert (printed_by(program).split(), Path(path).read_text()) == (["None"], "still open")


def test_a_child_process_opens_no_database_of_its_parent_either_if_it_cannot_look_for_them(tmp_path: Path) -> None:
    program = f"""{FORKING}
import resource
from udpnote.storage.outbox.outbox import Outbox
outbox = Outbox({str(tmp_path / "open")!r})
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
def add(name):
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    Outbox({str(tmp_path)!r} + name).close()
resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))  # so that a child can open no further file
in_child(lambda: add("/open"))
in_child(lambda: add("/another"))
"""
    assert printed_by(program).split() == ["file_open_at_fork", "None"]
