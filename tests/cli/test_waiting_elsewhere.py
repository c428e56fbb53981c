"""Which waiting entries are not sent to the notebook that a command has used."""

from contextlib import closing
from pathlib import Path

import pytest

from tests.support.loopback import Loopback
from udpnote.cli.waiting_elsewhere import waiting_elsewhere
from udpnote.model.notebook import Destination
from udpnote.storage.outbox.outbox import Outbox


@pytest.mark.parametrize("named", ["server", "notebook"])
def test_an_entry_just_written_for_the_same_destination_does_not_wait_elsewhere(
    loopback: Loopback, tmp_path: Path, named: str
) -> None:
    port = loopback.serve("kitchen").port
    client = loopback.client(**{named: {"server": f"127.0.0.1:{port}", "notebook": "kitchen"}[named]})
    client.send("one")
    by_server, by_name = Destination("127.0.0.1", port), Destination(None, port, "kitchen")
    same, other = (by_server, by_name) if named == "server" else (by_name, by_server)
    with closing(Outbox(tmp_path / "outbox.sqlite3")) as outbox:
        outbox.add(["two"], author="", written_at=0, utc_offset=0, destination=same)
        assert waiting_elsewhere(client, client.notebook) is None
        outbox.add(["three"], author="", written_at=0, utc_offset=0, destination=other)
    notice = waiting_elsewhere(client, client.notebook)
    assert notice is not None
    assert notice.values["entries"] == 1
    assert "another" not in str(notice), "it is the same notebook, which is named in another way"
