"""What is sealed in a simulation: the keys of its notebook, in turn, and what the witness sees in a sealed datagram."""

from functools import cached_property
from random import Random

from udpnote.errors import BadDatagram
from udpnote.protocol.envelope import OPEN, SEALED_HEADER, Envelope
from udpnote.protocol.reception import Envelopes
from udpnote.protocol.sealing import SealedEnvelope, client_envelope, server_envelope
from udpnote.storage.key_file import KEYS_KEPT_MAX

KEY_BYTES = 16


class Key:
    """One key of the notebook, and until when it is accepted once another one has taken its place."""

    def __init__(self, random: Random) -> None:
        self.key = random.randbytes(KEY_BYTES)
        self.client: SealedEnvelope = client_envelope(self.key, random.randbytes)
        self.server: SealedEnvelope = server_envelope(self.key, random.randbytes)
        self.accepted_until = float("inf")


class Seals:
    """The seals of one seed's notebook; without any, it is open. All chance comes from `random`."""

    def __init__(self, random: Random, *, is_sealed: bool) -> None:
        self._random = random
        self.keys = [Key(random)] if is_sealed else []
        self._clients: dict[bytes | None, Envelope] = {None: OPEN} | {each.client.key_id: each.client for each in self.keys}

    @property
    def are_used(self) -> bool:
        return bool(self.keys)

    @property
    def may_rotate(self) -> bool:
        return 0 < len(self.keys) < KEYS_KEPT_MAX

    @property
    def key_id(self) -> bytes | None:
        """Which key is in force."""
        return self.keys[-1].client.key_id if self.keys else None

    @property
    def key(self) -> bytes:
        return self.keys[-1].key

    @cached_property
    def stranger(self) -> SealedEnvelope:
        """The envelope of somebody who has another key."""
        return Key(self._random).client

    def rotate(self, accepted_until: float) -> None:
        """Another key takes the place of the one in force, which is accepted until then."""
        self.keys[-1].accepted_until = accepted_until
        self.keys.append(Key(self._random))
        self._clients[self.key_id] = self.keys[-1].client

    def client(self, key_id: bytes | None) -> Envelope:
        """The envelope of a client that has this key."""
        return self._clients[key_id]

    def of_server(self, now: float) -> Envelopes:
        """The envelopes of the notebook's server."""
        if not self.keys:
            return Envelopes()
        accepted = tuple(each.server for each in reversed(self.keys) if each.accepted_until > now)
        return Envelopes(accepted, tuple(each.server for each in self.keys if each.accepted_until <= now))

    def opened(self, data: bytes) -> bytes:
        """`data` as it would be in the open, for who looks on; nothing, if it is none of the notebook's."""
        if not self.keys:
            return data
        if data[: len(SEALED_HEADER)] == SEALED_HEADER:
            for envelope in (each for key in self.keys for each in (key.server, key.client)):
                try:
                    return OPEN.seal(envelope.unseal(data))
                except BadDatagram:
                    continue
        return b""
