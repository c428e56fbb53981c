"""The round trip to the notebook's server is measured with DISCOVERs alone, and without a change of the outbox."""

from contextlib import closing

import pytest

from tests.support.lan import CELLAR, KITCHEN, Lan
from udpnote import Client
from udpnote.client.round_trips import RoundTrips
from udpnote.model.notebook import KnownNotebook
from udpnote.protocol.codec.discovery import DISCOVER_BYTES
from udpnote.protocol.round_trip_meter import PROBES
from udpnote.storage.outbox.outbox import Outbox


def reader(lan: Lan, **options: object) -> Client:
    """A client that can only read the outbox of the other clients."""
    return lan.client(outbox=Outbox(lan.folder / "outbox.sqlite3", is_read_only=True), **options)


def found(client: Client) -> KnownNotebook:
    """The notebook of `client`, whose server must answer."""
    status = client.status()
    assert status.failure is None
    assert status.notebook is not None
    return status.notebook


@pytest.mark.parametrize("is_sealed", [False, True])
def test_a_known_notebook_is_measured_where_it_is_now_and_the_outbox_stays_as_it_is(lan: Lan, is_sealed: bool) -> None:
    server = lan.serve(sealed=is_sealed)
    with closing(lan.client()) as writer:
        if is_sealed:
            writer.join(server.code)
        writer.send("known")
    server.stop()
    lan.serve("cellar")  # at the old address
    for path in lan.folder.glob("kitchen.*"):
        path.rename(lan.folder / path.name.replace("kitchen", "moved"))
    lan.serve("moved", CELLAR, called="kitchen", sealed=is_sealed)
    outbox = lan.folder / "outbox.sqlite3"
    before = outbox.read_bytes(), outbox.stat().st_mtime_ns
    client, shown = reader(lan), list[int]()
    notebook = found(client)
    lan.sent.clear()
    result = client.round_trips(notebook, shown.append)
    client.close()
    assert (notebook.name, notebook.host, result.sent, result.lost) == ("kitchen", CELLAR, PROBES, 0)
    assert result.durations is not None
    assert result.durations.median == pytest.approx(0.001)
    assert (max(shown), len(lan.sent), lan.texts("moved")) == (PROBES, 2 * PROBES, ["known"])
    assert max(map(len, lan.sent)) < DISCOVER_BYTES + 50
    assert (outbox.read_bytes(), outbox.stat().st_mtime_ns) == before


def test_losses_are_counted_also_if_nothing_is_answered_any_more(lan: Lan) -> None:
    lan.serve()
    client = reader(lan, server=KITCHEN)
    notebook = found(client)
    lan.network.weather = lan.network.weather._replace(loss=0.2)
    some = client.round_trips(notebook)
    lan.network.mute.add(KITCHEN)
    assert some.durations is not None
    assert (10 < some.lost < 60, some.durations.count) == (True, PROBES - some.lost)
    assert client.round_trips(notebook) == RoundTrips(PROBES, None)
    assert not (lan.folder / "outbox.sqlite3").exists()
