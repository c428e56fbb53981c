"""Looking for notebooks: by discovery on the LAN, or at the server that the user names."""

import time
from collections.abc import Iterable
from copy import copy
from random import Random
from typing import NamedTuple

from udpnote.client.trust import Judge, Keyring
from udpnote.errors import NotSealed, OldKey, ServerNotFound, SeveralNotebooks, WrongNotebook
from udpnote.lan.endpoint import Endpoint, ProbeAttempt, resolve
from udpnote.lan.udp_socket import format_address, format_host
from udpnote.model.address import Address, parse_server
from udpnote.model.notebook import KnownNotebook
from udpnote.protocol.discovery import DiscoveryAnswer, Prober
from udpnote.protocol.rediscovery import DISCOVERY_PAUSE_SECONDS, known_notebook
from udpnote.text.messages.reasons import old_key_reason, posing_reason, short_id

LISTED_MAX = 8
"""How many notebooks a message names: as many as a person compares."""

NOTEBOOK_ID_DIGITS = 32
NOTEBOOK_ID_DIGITS_MIN = 4
"""Fewer hexadecimal digits than this are taken for a name only, not for the start of an id."""


class FoundNotebook(NamedTuple):
    """A notebook that answered: its id in hexadecimal, its address, how many entries it holds, the round trip in seconds.

    `poses_as`: the sealed notebook that it gives itself out as, without having its key. `has_new_key`: it is a sealed one, and
    says that it has another key now than the one that is here.
    """

    name: str
    notebook_id: str
    address: str
    port: int
    entries: int
    round_trip_seconds: float
    is_sealed: bool
    poses_as: KnownNotebook | None
    has_new_key: bool

    @property
    def is_posing(self) -> bool:
        """Whether it gives itself out as a sealed notebook."""
        return self.poses_as is not None


class Searcher:
    """Finds notebooks through `endpoint`: at `server` (HOST or HOST:PORT) if that is named, else on the LAN at `port`.

    `names_port` says whether the user asked for this port, and `wanted` is an id, the start of one, or a name, where one of
    several is meant. What is sealed is found with the keys of `keyring`.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        keyring: Keyring,
        *,
        port: int,
        names_port: bool,
        server: str | None,
        wanted: str | None,
        random: Random,
    ) -> None:
        self._endpoint = endpoint
        self._keyring = keyring
        self._port = port
        self._names_port = names_port
        self._server = parse_server(server, port) if server is not None else None
        self._random = random
        self.wanted = wanted
        self._judge: Judge | None = None
        self.attempts: list[ProbeAttempt] = []

    def with_keyring(self, keyring: Keyring) -> "Searcher":
        """One that searches at the same place for what has the named key of `keyring`, whatever it is called."""
        searcher = copy(self)
        searcher._keyring, searcher.wanted = keyring, None
        return searcher

    @property
    def server_name(self) -> str | None:
        """The named server, as the outbox keeps it."""
        return f"{self._server[0]}:{self._server[1]}" if self._server is not None else None

    @property
    def names_server(self) -> bool:
        """Whether the user has named a server."""
        return self._server is not None

    @property
    def meant_for(self) -> str | None:
        """What the user meant entries for, as the outbox keeps it (see `parse_meant_for`); None: whatever there is."""
        import json  # here, because most entries are meant for the chosen notebook

        key_id = self._keyring.named_id
        if self._server is None and self.wanted is None and key_id is None and not self._names_port:
            return None
        host, port = self._server or (None, self._port)
        return json.dumps([self.wanted, host, port, *([key_id.hex()] if key_id is not None else [])], ensure_ascii=False)

    def start(self) -> Prober[Address]:
        """A new search, for `step` to go on with; who answers it is judged by what the outbox knows now."""
        self._judge = self._keyring.judge()
        return Prober(time.monotonic(), random=self._random, targets=self._keyring.wanted())

    def step(self, prober: Prober[Address], until: float) -> list[DiscoveryAnswer[Address]]:
        """Go on with a search until something is heard or `until`; gives the notebooks that have answered.

        Raises `ServerNotFound` if the named server cannot be resolved.
        """
        for data in prober.datagrams_to_send():
            self.probe(data, {self._port})
        now = time.monotonic()
        due = prober.next_timeout() if now < prober.finished_at else until
        datagrams = self._endpoint.receive(max(0.0, min(due, until) - now))
        now = time.monotonic()
        for data, source in datagrams:
            prober.receive_datagram(data, source, now)
        prober.handle_timeout(now)
        return prober.found()

    def probe(self, data: bytes, ports: set[int]) -> None:
        """Send a probe to the named server, or to everybody on the LAN at each of `ports`."""
        if self._server is not None:
            addresses = resolve(*self._server)
            self._endpoint.send([(data, address) for address in addresses])
            self.attempts = [ProbeAttempt("the named server", format_host(address), None) for address in addresses]
        else:
            self.attempts = [attempt for port in sorted(ports) for attempt in self._endpoint.probe(data, port)]

    def locate(self, until: float, *, wanted: str | None = None) -> DiscoveryAnswer[Address]:
        """The notebook that is meant, as it answers before `until`.

        Raises `ServerNotFound` if none answers, `SeveralNotebooks` if it is not clear which one is meant, `WrongNotebook` if
        another one than the wanted answers at the named server, `NotSealed` if only somebody answers who poses as a sealed
        one, and `OldKey`.
        """
        wanted = wanted if wanted is not None else self.wanted
        found: dict[tuple[bytes, bytes | None], DiscoveryAnswer[Address]] = {}
        pause = DISCOVERY_PAUSE_SECONDS
        while True:
            self._search(found, wanted, until)
            resume_at = time.monotonic() + pause
            if self._meant(found.values(), wanted) or resume_at >= until:
                break
            while (now := time.monotonic()) < resume_at:
                self._endpoint.receive(resume_at - now)
            pause *= 2
        self._endpoint.end_probing()
        return self._pick(list(found.values()), wanted)

    def _search(
        self, found: dict[tuple[bytes, bytes | None], DiscoveryAnswer[Address]], wanted: str | None, until: float
    ) -> None:
        """Search once, and add to `found` what answers; to be sure that it is all, this may take a second more."""
        prober = self.start()
        is_found = bool(self._meant(found.values(), wanted))
        while True:
            end = prober.settled_at if is_found else min(until, prober.finished_at)
            if time.monotonic() >= end or (is_found and self.names_server):
                return
            for answer in self.step(prober, end):
                found[answer.offer.notebook_id, answer.key_id] = answer
                is_found = is_found or self._is_meant(answer, wanted)

    def _meant(self, found: Iterable[DiscoveryAnswer[Address]], wanted: str | None) -> list[DiscoveryAnswer[Address]]:
        """Those that are meant, and are what they give themselves out as."""
        return [each for each in found if self._is_meant(each, wanted)]

    def _is_meant(self, found: DiscoveryAnswer[Address], wanted: str | None) -> bool:
        notebook = known_notebook(found)
        if not self._keyring.fits([notebook]) or (wanted is not None and not is_meant(wanted, notebook)):
            return False
        posed_as = self._posed_as(found)
        is_named_by_id = wanted is not None and wanted != notebook.name
        return posed_as is None or (is_named_by_id and not is_meant(wanted or "", posed_as))

    def _posed_as(self, found: DiscoveryAnswer[Address]) -> KnownNotebook | None:
        assert self._judge is not None, "what no search has found is judged by nothing"
        return self._judge.posed_as(found, self.server_name)

    def _is_posing(self, found: DiscoveryAnswer[Address], wanted: str | None) -> bool:
        posed_as = self._posed_as(found)
        if posed_as is None or not self._keyring.fits([posed_as, known_notebook(found)]):
            return False
        return wanted is None or is_meant(wanted, known_notebook(found)) or is_meant(wanted, posed_as)

    def describe(self, found: DiscoveryAnswer[Address]) -> FoundNotebook:
        """What a person or a program wants to know of a notebook that answered."""
        offer, poses_as = found.offer, self._posed_as(found)
        return FoundNotebook(
            offer.name, offer.notebook_id.hex(), format_host(found.source), found.source[1], offer.entries,
            found.round_trip_seconds, found.key_id is not None, poses_as, found.has_new_key,
        )  # fmt: skip

    def _pick(self, found: list[DiscoveryAnswer[Address]], wanted: str | None) -> DiscoveryAnswer[Address]:
        self._judge = self._keyring.judge()  # another command may have joined or left a notebook since the search began
        answered = self._meant(found, wanted)
        meant = [each for each in answered if not each.has_new_key]
        if len(meant) == 1:
            return meant[0]
        if answered and not meant:
            notebook = known_notebook(answered[0])
            raise OldKey(old_key_reason(notebook, self._keyring.known()), notebook)
        if meant:
            argument = "NAME" if len({each.offer.name for each in meant}) == len(meant) else "ID"
            raise SeveralNotebooks(
                f"{len(meant)} notebooks answered and none was chosen: {_list(meant)}. Choose one with "
                f"`udpnote use {argument}` (or `--notebook-id ID` for one command)"
            )
        for each in found:
            posed_as = self._posed_as(each)
            if posed_as is not None and self._is_posing(each, wanted):
                raise NotSealed(posing_reason(posed_as, format_address(each.source), self._keyring.known()))
        if self._keyring.named_id is not None:
            others = f"; other notebooks did: {_list(found)}" if found else ""
            raise ServerNotFound(
                f"no notebook with this key answered at {self._place()}{others}. Is its server running, and is the join code "
                "the one that `udpnote key show` prints there?"
            )
        if found and self.names_server:
            raise WrongNotebook(f"the notebook at that server is {_list(found)}, not {wanted}: nothing was stored there")
        if found:
            raise ServerNotFound(f"no notebook {wanted!r} answered, only {_list(found)}: check the name or the id")
        raise ServerNotFound(self._nobody())

    def _place(self) -> str:
        if self._server is not None:
            return f"{self._server[0]} port {self._server[1]}"
        return f"UDP port {self._port} of this LAN"

    def _nobody(self) -> str:
        if self._server is not None:
            return (
                f"no answer from {self._server[0]} port {self._server[1]}: is `udpnote serve` running there, at that port, "
                "and does its firewall let UDP in? If its notebook is sealed, join it first, with `udpnote join`"
            )
        return (
            f"no server answered at UDP port {self._port}: is `udpnote serve` running on this LAN? If its notebook is sealed, "
            "join it first, with `udpnote join`. `udpnote find` says what was tried"
        )


def is_meant(wanted: str, notebook: KnownNotebook) -> bool:
    """Whether `wanted`, a name or (the start of) an id, means this notebook."""
    digits = wanted.lower()
    if len(digits) == NOTEBOOK_ID_DIGITS and not set(digits) - set("0123456789abcdef"):
        return notebook.notebook_id.hex() == digits  # a whole id is none of the names that others may choose
    is_id = len(digits) >= NOTEBOOK_ID_DIGITS_MIN and notebook.notebook_id.hex().startswith(digits)
    return wanted == notebook.name or is_id


class MeantFor(NamedTuple):
    """What `Searcher.meant_for` says: the wanted notebook, the server's host, the port, a named key's id in hexadecimal."""

    wanted: str | None
    host: str | None
    port: int
    key_id: str | None = None


def parse_meant_for(meant_for: str) -> MeantFor:
    """What an entry is meant for, from how the outbox keeps it."""
    import json

    return MeantFor(*json.loads(meant_for))


def _list(found: list[DiscoveryAnswer[Address]]) -> str:
    notebooks = sorted(map(known_notebook, found), key=lambda notebook: (notebook.name, notebook.notebook_id))
    listed = [f"{each.name} ({short_id(each)}, at {each.host})" for each in notebooks[:LISTED_MAX]]
    more = [f"{len(notebooks) - LISTED_MAX} more"] if len(notebooks) > LISTED_MAX else []
    return ", ".join(listed + more)
