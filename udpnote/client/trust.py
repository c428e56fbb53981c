"""The keys that a client has, and what it believes of a notebook because of them.

A key is joined with a notebook once, by the user's `udpnote join`; or it is named for one command, as by UDPNOTE_KEY, which
then means the notebook that has it. Whatever was sealed once is not taken for open again, and not for sealed with another
key either, unless the user says so: everything else might be somebody who poses as it.
"""

import os
from collections.abc import Iterable
from typing import NamedTuple

from udpnote.errors import KeyMissing
from udpnote.model.address import Address
from udpnote.model.notebook import KnownNotebook, SealedNotebook
from udpnote.protocol.discovery import DiscoveryAnswer, DiscoveryTarget
from udpnote.protocol.envelope import OPEN, Envelope
from udpnote.protocol.rediscovery import is_impostor_of
from udpnote.storage.outbox import Outbox
from udpnote.text.messages.reasons import called


class Keyring:
    """The keys in `outbox`, and the `named` one; with `is_joining`, who has that is believed to be whatever it says it is."""

    def __init__(self, outbox: Outbox, named: bytes | None = None, *, is_joining: bool = False) -> None:
        self._outbox = outbox
        self._is_joining = is_joining
        self._envelopes: dict[bytes, Envelope] = {}
        self.named_id = self.add(named) if named is not None else None

    def add(self, key: bytes) -> bytes:
        """Have one more key, for this command; gives its id."""
        from udpnote.protocol.sealed_envelope import client_envelope  # here, because nothing of it is needed in the open

        envelope = client_envelope(key, os.urandom)
        self._envelopes[envelope.key_id] = envelope
        return envelope.key_id

    def known(self) -> list[KnownNotebook]:
        """All notebooks that a name may be taken for."""
        return self._outbox.notebooks()

    def can_open(self, notebook: KnownNotebook) -> bool:
        """Whether a notebook is open, or its key is here."""
        return notebook.key_id is None or notebook.key_id in self._envelopes or notebook.key_id in self._outbox.joined_keys()

    def envelope(self, notebook: KnownNotebook) -> Envelope:
        """In which envelope to speak with a notebook; raises `KeyMissing` if its key is not here."""
        if notebook.key_id is None:
            return OPEN
        if not self.can_open(notebook):
            raise KeyMissing(
                f"{called(notebook, self.known())} is sealed, and its key is not here: `udpnote join CODE` keeps it, or name "
                "it by UDPNOTE_KEY. Its owner finds the code with `udpnote key show`"
            )
        if notebook.key_id not in self._envelopes:
            self.add(self._outbox.joined_keys()[notebook.key_id])
        return self._envelopes[notebook.key_id]

    def wanted(self) -> list[DiscoveryTarget]:
        """What to search for: whatever a key is here for, or only that of the named key; and, in any case, what is open.

        The open ones are not all meant to be written in: some may pose as others.
        """
        if self.named_id is not None:
            return [DiscoveryTarget(self._envelopes[self.named_id]), DiscoveryTarget(OPEN)]
        for key_id, key in self._outbox.joined_keys().items():
            if key_id not in self._envelopes:
                self.add(key)
        return [DiscoveryTarget(OPEN), *map(DiscoveryTarget, self._envelopes.values())]

    def judge(self) -> "Judge":
        """Who tells impostors by what the outbox knows now."""
        return Judge(self._outbox.sealed(), set(self._outbox.joined_keys()), self.named_id, self._is_joining)

    def fits(self, notebooks: Iterable[KnownNotebook]) -> list[KnownNotebook]:
        """Those that have the named key, or all if none is named."""
        return [each for each in notebooks if self.named_id is None or each.key_id == self.named_id]


class Judge(NamedTuple):
    """Tells impostors by what the outbox knew at one moment; however many answer, it is not asked for each of them.

    `sealed` are the notebooks that may be posed as, `joined` the ids of the keys that were joined; the rest is the keyring's.
    """

    sealed: list[SealedNotebook]
    joined: set[bytes]
    named_id: bytes | None
    is_joining: bool

    def posed_as(self, found: DiscoveryAnswer[Address], server: str | None = None) -> KnownNotebook | None:
        """The sealed notebook that the one that was found gives itself out as, without being it.

        Who has the named key is believed, unless another key was joined for this notebook. An open one at the named `server`
        of a sealed one, or at its address, takes its place whatever it is called.
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
