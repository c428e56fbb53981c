"""Runs seeds, and finds which faults and paths none of them has tried."""

import os
import traceback
from collections import Counter
from typing import NamedTuple
from unittest.mock import patch

from tests.simulation.lan import Trace
from tests.simulation.scenario import names
from tests.simulation.world import simulate

FAULTS = names("""
    another server at the old address; answer from another address; answer to a browser lost;
    attacker acknowledged another text; attacker answered in the open; attacker answered without having seen the token;
    attacker asked with a key that was taken back; attacker cut a datagram; attacker flipped a bit;
    attacker offered without having been asked; attacker posed as the notebook; attacker reflected a datagram;
    attacker refused what is not under way; attacker repeated a datagram; attacker said in the open what was sealed;
    attacker sealed with another key; attacker sent a page to nobody; attacker spliced two datagrams; bits flipped;
    client clock jumped; client moved; datagram duplicated; datagram late; datagram lengthened; datagram lost;
    datagram lost to a partition; datagram misdelivered; datagram reordered; datagram replayed; datagram to nobody;
    datagram truncated; disk filled; entries posted by two tabs; follower crashed; forwarder crashed after receiving;
    forwarder crashed at rest; forwarder crashed before a datagram left; forwarder crashed between a verdict and its answer;
    host asleep; import cut short; importer crashed after receiving; importer crashed before a datagram left;
    index behind after a crash; index damaged; index lost; key changed; noise sent; note erased; older copy restored;
    outbox copied; power lost; process stopped; reader crashed after receiving; reader crashed at rest;
    reader crashed before a datagram left; reader moved; reading failed; removal undone by a power failure;
    second process started; sender crashed after adding to the outbox; sender crashed after receiving; sender crashed at rest;
    sender crashed before a datagram left; sender crashed between an answer and removing the entry; server clock jumped;
    server crashed after indexing; server crashed at rest; server crashed before serving readers;
    server crashed before the commit; server crashed between commit and acknowledgement;
    server crashed between reading and sending; server hung; server moved; write failed
""")
PATHS = names("""
    AUTHORS read, all; LOG read, all; LOG read, author; LOG read, limit; LOG read, numbers; LOG read, tags; NOTES read, all;
    NOTES read, author; NOTES read, limit; NOTES read, numbers; NOTES read, tags; NOTES read, words; TAGS read, all;
    browser told of a refusal; browser told to try again later; deletion stored; entry postponed;
    entry queued: delivered_by_another_command; entry queued: no_answer_on_lan; entry queued: no_answer_yet; entry renewed;
    entry renewed by another process; entry revised while it was read; follower caught up; forwarder: key changed;
    forwarder: server found again; forwarder: server silent; import completed; import ended: no_space_to_import; imported NEW;
    imported ORPHANED; imported THERE_ALREADY; importer: gave up; importer: key changed; importer: server found again;
    importer: server silent; impostor reported; multi-part entry completed; notebook discovered; notes found by a search;
    own log imported; page END; page INDEXING; page KEY_CHANGED; page MORE; page NOT_READABLE; page WAITING;
    page WRONG_NOTEBOOK; page repeated by a timer; reader waits for a search; reader: gave up; reader: key changed;
    reader: server found again; reader: server silent; refused by another notebook; revision refused; revision stored;
    search for nobody; sender: key changed; sender: server found again; sender: server silent; server dropped: corrupted;
    server dropped: early; server dropped: foreign; server dropped: forged; server dropped: malformed; server dropped: old key;
    server dropped: oversized; server dropped: sealed; server dropped: strange; server dropped: truncated;
    server dropped: type; server dropped: unexpected; server dropped: unsealed; server dropped: version; shows a revision;
    slice ended with readers left; unfinished entry expired; user told of a refusal; verdict CONFLICT; verdict NO_SPACE;
    verdict ERASED; verdict PART_KEPT; verdict REFUSED; verdict STORED; verdict STORED_ALREADY; verdict SPLIT on a run;
    verdict STORED on a run; verdict STORED_ALREADY on a run; verdict SPLIT on a bundle; verdict STORED on a bundle;
    verdict STORED_ALREADY on a bundle
""")
"""Events and verdicts that occur in some seeds. Many seeds together must meet all of `FAULTS` and `PATHS`, so a change that
makes the simulation test less is noticed."""


class Result(NamedTuple):
    """The result of one seed; `failure` is empty if every promise was kept, else a traceback."""

    seed: int
    failure: str
    coverage: Counter[str]


def run_seed(seed: int, trace: Trace | None = None) -> Result:
    """Run one seed, without the settings of the user who runs it. An exception becomes the `failure` of the result."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("UDPNOTE_")}
    try:
        with patch.dict(os.environ, environ | {"UDPNOTE_HOME": "/nowhere"}, clear=True):
            return Result(seed, "", simulate(seed, trace))
    except Exception:  # noqa: BLE001 - the seed must be printed with it
        return Result(seed, traceback.format_exc(), Counter())


def replay_command(seed: int) -> str:
    return f"python -m tests.simulation --seed {seed}"


def untried(coverage: Counter[str]) -> list[str]:
    return [what for what in FAULTS + PATHS if not coverage[what]]
