"""The keys that a client has, and the answers that it believes because of them.

`udpnote join` stores a notebook's key once and for all. A key may also be named for one command, as in UDPNOTE_KEY; then the
notebook that has this key is meant. If a known sealed notebook seems to be open, or sealed with another key, the client does
not believe the answer unless the user confirms it by `leave` or `join`: the server might be an impostor. A server counts as one
if it answers with the notebook's id, or, as an open server, with its name or at its address.
"""

from collections.abc import Callable
from typing import NamedTuple

from udpnote.errors import KeyMissing
from udpnote.model.address import Address
from udpnote.model.notebook import KnownNotebook, SealedNotebook, display_name
from udpnote.protocol.discovery import DiscoveryAnswer, DiscoveryTarget
from udpnote.protocol.envelope import OPEN, Envelope
from udpnote.protocol.rediscovery import is_impostor_of
from udpnote.storage.outbox import Outbox


class Keyring:
    """The keys in `outbox`, and the `named` one (16 bytes); `random_bytes` gives the salts of sealed datagrams.

    With `is_joining`, a notebook that has the named key is no impostor, even if the outbox has another key for its name or id.
    """

    def __init__(
        self,
        outbox: Outbox,
        named: bytes | None = None,
        *,
        random_bytes: Callable[[int], bytes],
        is_joining: bool = False,
    ) -> None:
        self._outbox = outbox
        self._random_bytes = random_bytes
        self._is_joining = is_joining
        self._envelopes: dict[bytes, Envelope] = {}
        self.named_id = self._add(named) if named is not None else None

    def can_open(self, notebook: KnownNotebook) -> bool:
        """Whether a notebook is open, or its key is here."""
        return notebook.key_id is None or notebook.key_id in self._envelopes or notebook.key_id in self._outbox.joined_keys()

    def envelope(self, notebook: KnownNotebook) -> Envelope:
        """The envelope for all datagrams to and from a notebook; raises `KeyMissing` if its key is not here."""
        if notebook.key_id is None:
            return OPEN
        if not self.can_open(notebook):
            raise KeyMissing("key_missing", name=display_name(notebook, self._outbox.notebooks()))
        if notebook.key_id not in self._envelopes:
            self._add(self._outbox.joined_keys()[notebook.key_id])
        return self._envelopes[notebook.key_id]

    def targets(self) -> list[DiscoveryTarget]:
        """The targets of a discovery: open notebooks, and those with the named key or, if none is named, with any joined key.

        Open notebooks are always among the targets, because some may be impostors, about which the client warns the user.
        """
        if self.named_id is not None:
            return [DiscoveryTarget(self._envelopes[self.named_id]), DiscoveryTarget(OPEN)]
        for key_id, key in self._outbox.joined_keys().items():
            if key_id not in self._envelopes:
                self._add(key)
        return [DiscoveryTarget(OPEN), *map(DiscoveryTarget, self._envelopes.values())]

    def impostor_detector(self) -> "ImpostorDetector":
        """An `ImpostorDetector` that recognizes impostors by the outbox's present content."""
        return ImpostorDetector(self._outbox.sealed(), set(self._outbox.joined_keys()), self.named_id, self._is_joining)

    def _add(self, key: bytes) -> bytes:
        from udpnote.protocol.sealed_envelope import client_envelope  # here, because an open notebook needs no cryptography

        envelope = client_envelope(key, self._random_bytes)
        self._envelopes[envelope.key_id] = envelope
        return envelope.key_id


class ImpostorDetector(NamedTuple):
    """Recognizes impostors by the outbox's content at one moment, without another query for each answer.

    `sealed` are the notebooks that an impostor may claim to have, `joined` the ids of the keys that were joined; `named_id` and
    `is_joining` are those of the keyring.
    """

    sealed: list[SealedNotebook]
    joined: set[bytes]
    named_id: bytes | None
    is_joining: bool

    def impersonated(self, found: DiscoveryAnswer[Address], server: str | None = None) -> KnownNotebook | None:
        """The sealed notebook that the server of `found` claims to have without having its key; None if it is no impostor.

        A server that has the named key is believed, unless another key was joined for the notebook that it claims to have. An
        open server at the named `server` of a sealed notebook, or at its address, counts as an impostor with any name.
        """
        has_named_key = found.key_id is not None and found.key_id == self.named_id
        if has_named_key and self.is_joining:
            return None
        for known, _ in self.sealed:
            if is_impostor_of(found, known) and (not has_named_key or known.key_id in self.joined):
                return known
        if server is None or found.key_id is not None:
            return None
        return next((each.notebook for each in self.sealed if each.is_at(server, *found.source[:2])), None)
