"""`udpnote undo`: names the write that it takes back, and prints the outcome."""

import json
import re
import signal

from tests.support.machine import NOW, Machine
from tests.support.processes import free_port


def test_a_note_an_edit_and_a_deletion_are_taken_back_and_named_one_after_the_other(served: Machine) -> None:
    for command in ("send 买牛奶", "edit 1 买豆浆", "delete 1"):
        served.run(command)
    for facts, printed in (
        (["#3", "note #1", "买豆浆"], r"#4 revises #3 of note #1  {}  买豆浆\n"),
        (["#2", "note #1", "买豆浆"], r"#5 revises #4 of note #1  {}  买牛奶\n"),
        (["note #1", "买牛奶", "`udpnote edit 1`"], r"#6 deletes #5 of note #1  {}  买牛奶\n"),
    ):
        result = served.run("undo")
        assert (result.code, [fact for fact in facts if fact not in result.err]) == (0, [])
        assert re.fullmatch(printed.format(NOW), result.out)
    served.refused("undo", code=1)
    assert len(served.rows()) == 6


def test_undo_takes_back_the_last_line_of_a_pipe_and_json_says_which(served: Machine) -> None:
    served.send(typed="one\ntwo\nthree\n")
    [first], [second] = (served.json("undo --json") for _ in range(2))
    assert [(each["number"], each["status"], each["kind"], each["revises"]) for each in (first, second)] == [
        (4, "stored", "deletion", 3), (5, "stored", "deletion", 2),
    ]  # fmt: skip
    assert (first["undoes"]["number"], first["undoes"]["sequence"], first["undoes"]["kind"]) == (3, 3, "note")
    assert [each["text"] for each in served.json("list --json")] == ["one"]


def test_an_unsent_entry_is_removed_and_printed_whole_and_one_in_another_notebook_is_named(served: Machine) -> None:
    served.send("here")
    nowhere = f"--server 127.0.0.1:{free_port()}"
    served.run(f"send --wait 0.1 --whole {nowhere}", typed="an hour\nof work\n")
    result = served.run("undo")
    assert (result.code, result.out, served.waiting()) == (0, "an hour\nof work\n", [])
    served.run(f"send --wait 0.1 {nowhere} x")
    [discarded] = served.json("undo --json")
    assert (discarded["status"], discarded["number"], discarded["undoes"]["kind"]) == ("discarded", None, "note")
    served.serve("cellar", notebook=served.home / "cellar.sqlite3", port=(port := free_port()))
    served.run(f"send --server 127.0.0.1:{port} there")
    served.refused("undo", facts=["`udpnote undo --notebook cellar`"])
    assert (served.run(f"undo --server 127.0.0.1:{port}").code, served.run("undo").code) == (0, 0)
    assert served.run("list").out == ""


def test_an_entry_that_a_hanging_server_may_have_is_queued_to_be_deleted_and_is_gone_when_it_answers(machine: Machine) -> None:
    server = machine.serve_process()
    machine.environ |= machine.discovering  # a notebook that is chosen, and not only a server that is named
    assert machine.send("before").code == 0
    server.signal(signal.SIGSTOP)
    for text in ("oops", "oops, too"):
        assert machine.send("--wait", "0.2", text).code == 75
    for text in ("oops, too", "oops"):
        result = machine.run("undo --wait 0.2 --json")
        assert (result.code, json.loads(result.out)["status"], text in result.err) == (75, "queued", True)
    assert machine.waiting() == ["oops", "oops, too", "", ""]
    assert machine.run("outbox").out.count("takes back") == 2
    server.signal(signal.SIGCONT)
    assert machine.run("outbox --send").code == 0
    assert [each["text"] for each in machine.json("list --json")] == ["before"]
    assert len(machine.rows()) == 5


def test_a_note_that_cannot_be_read_is_taken_back_without_its_text(machine: Machine) -> None:
    server = machine.serve_process()
    machine.environ |= machine.discovering
    machine.send("milk")
    server.signal(signal.SIGKILL)
    result = machine.run("undo --wait 0.2")
    assert (result.code, "takes back #1. " in result.err) == (75, True), result.err


def test_killed_undos_skip_no_write_and_take_none_back_twice(machine: Machine) -> None:
    machine.serve()
    machine.send(typed="".join(f"{number}\n" for number in range(1, 21)))
    for _ in range(6):
        process = machine.start("undo")
        process.expect_error("takes back note")
        process.end(signal.SIGKILL)
    machine.run("outbox --send")
    left = [int(each["text"]) for each in machine.json("list --json -n 100")]
    assert left == list(range(1, len(left) + 1)), "only the last notes are deleted"
    assert len(machine.rows()) == 20 + (20 - len(left)), "each of these is deleted once"
    assert f"note #{len(left)}:" in machine.run("undo").err
