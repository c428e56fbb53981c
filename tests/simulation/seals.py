"""The keys of a simulated notebook, and the content of each sealed datagram, for the checks.

The content is remembered when a datagram is sealed, and not unsealed again. So the code under test cannot mislead the checks.
"""

from collections.abc import Collection
from contextlib import suppress
from functools import cached_property
from random import Random
from typing import NamedTuple

from tests.simulation.history import Violation
from udpnote.errors import BadDatagram
from udpnote.protocol.codec.codec import Message, decode, parse
from udpnote.protocol.envelope import OPEN, SEALED_HEADER, Envelope
from udpnote.protocol.messages import ANY_NOTEBOOK, KEY_CHANGED, Discover, Offer, Reason, Refuse
from udpnote.protocol.reading_messages import Page, PageState
from udpnote.protocol.reception import Envelopes
from udpnote.protocol.sealed_envelope import SALT_BYTES, SealedEnvelope, client_envelope, server_envelope
from udpnote.server.sealing import SealingKeys
from udpnote.storage.key_file import EARLIER_KEYS_MAX, NotebookKeys, rotated

KEY_BYTES = 16

SALT_END = len(SEALED_HEADER) + SALT_BYTES

READABLE_BYTES = 16  # so many bytes of a body cannot stand in a datagram by chance


class Sealed(NamedTuple):
    """A sealed datagram: its bytes, its body, the id of its key, and whether a client has sealed it."""

    data: bytes
    body: bytes
    key_id: bytes
    is_request: bool


class Watched:
    """A real envelope, of a client or of a server, that notes in `sealed` each datagram that it seals.

    Checks that the other end has sealed each datagram that this envelope unseals.
    """

    def __init__(self, envelope: SealedEnvelope, sealed: dict[bytes, Sealed], *, is_client: bool) -> None:
        self.key_id = envelope.key_id
        self.overhead_bytes = envelope.overhead_bytes
        self._envelope, self._sealed, self._is_client = envelope, sealed, is_client

    def wrap(self, body: bytes) -> bytes:
        data = self._envelope.wrap(body)
        self.record(data, body)
        return data

    def record(self, data: bytes, body: bytes) -> None:
        """Note that this end has sealed `body` as `data`. Raises `Violation` if another datagram has the same salt."""
        if data[:SALT_END] in self._sealed:
            raise Violation("two datagrams have one salt, and so one key")
        self._sealed[data[:SALT_END]] = Sealed(data, body, self.key_id, self._is_client)

    def unwrap(self, data: bytes) -> bytes:
        """Return the body of `data`. Raises `BadDatagram` as a real envelope does.

        Raises `Violation` if it unseals what the other end has not sealed.
        """
        body = self._envelope.unwrap(data)
        if self._sealed.get(data[:SALT_END]) != Sealed(data, body, self.key_id, not self._is_client):
            raise Violation(f"{len(data)} bytes were unsealed that nobody at the other end has sealed")
        return body


class Key:
    """One key of the notebook, its envelopes, and until when it is accepted, in microseconds of simulated time."""

    def __init__(self, random: Random, sealed: dict[bytes, Sealed]) -> None:
        self.key = random.randbytes(KEY_BYTES)
        self.client = Watched(client_envelope(self.key, random.randbytes), sealed, is_client=True)
        self.witness = server_envelope(self.key, random.randbytes)
        self.server = Watched(server_envelope(self.key, random.randbytes), sealed, is_client=False)
        self.accepted_until: float = float("inf")


class SealDisk(SealingKeys):
    """The real keys of a server, with `file` as the content of their key file."""

    def __init__(self, file: NotebookKeys) -> None:
        self.file = file
        super().__init__("")

    def _read(self) -> NotebookKeys:
        return self.file


class Seals:
    """All keys that the notebook of one seed has had; an open notebook has none. All random numbers come from `random`."""

    def __init__(self, random: Random, *, is_sealed: bool) -> None:
        self._random = random
        self.sealed: dict[bytes, Sealed] = {}
        self._keys: dict[bytes, Key] = {}
        self._taken_back: list[bytes] = []
        if is_sealed:
            self._seal = SealDisk(NotebookKeys(self._draw()))

    @property
    def are_used(self) -> bool:
        return bool(self._keys)

    @property
    def may_rotate(self) -> bool:
        """Whether the notebook may get another key: it is sealed, and has not had too many keys yet."""
        return 0 < len(self._keys) <= EARLIER_KEYS_MAX

    @property
    def key_id(self) -> bytes | None:
        """The id of the present key; None if the notebook is open."""
        return next(reversed(self._keys), None)

    @property
    def key(self) -> bytes:
        return self._seal.keys.current

    @property
    def client(self) -> Envelope:
        """The envelope of a client that has the present key."""
        return self._keys[next(reversed(self._keys))].client

    @cached_property
    def stranger(self) -> Envelope:
        """The envelope of a client with a key that the notebook never had."""
        return Key(self._random, {}).client

    @property
    def former(self) -> list[Envelope]:
        """The envelopes of clients with keys that are no longer accepted."""
        return [self._keys[key_id].client for key_id in self._taken_back]

    def rotate(self, accepted_until: float) -> None:
        """Give the notebook a new key. The key before it, and any earlier one, is accepted at most until `accepted_until`.

        `accepted_until` is in seconds of simulated time.
        """
        until = _microseconds(accepted_until)
        for each in self._keys.values():
            each.accepted_until = min(each.accepted_until, until)
        self._seal.file = rotated(self._seal.keys, self._draw(), accepted_until=until)
        self._seal.read_again()

    def of_server(self, now: float) -> Envelopes:
        """The envelopes that the server uses at `now`, in seconds. Notes which keys are not accepted by then."""
        if not self.are_used:
            return Envelopes()
        self._taken_back = [key_id for key_id, key in self._keys.items() if key.accepted_until <= _microseconds(now)]
        watched: dict[bytes | None, Envelope] = {key_id: key.server for key_id, key in self._keys.items()}
        real = self._seal.envelopes(_microseconds(now))
        return Envelopes(*(tuple(watched.get(each.key_id, each) for each in envelopes) for envelopes in real))

    def overhear(self, data: bytes) -> None:
        """Note the body of `data`, a datagram that leaves a client, if it is sealed with one of the notebook's keys."""
        if not data.startswith(SEALED_HEADER) or self.look(data) is not None:
            return
        for key in self._keys.values():
            with suppress(BadDatagram):
                key.client.record(data, key.witness.unwrap(data))
                return

    def look(self, data: bytes) -> Sealed | None:
        """Return what is known of the sealed datagram `data`; None if no watched envelope has sealed it."""
        sealed = self.sealed.get(data[:SALT_END])
        return sealed if sealed is not None and sealed.data == data else None

    def opened(self, data: bytes) -> bytes:
        """Return `data` as an open datagram; empty if the notebook is sealed, and `data` is not sealed with its keys."""
        if not self.are_used:
            return data
        sealed = self.look(data)
        return OPEN.wrap(sealed.body) if sealed is not None else b""

    def key_id_of(self, data: bytes) -> bytes | None:
        """Return the id of the key that seals `data`; None if no key of the notebook does."""
        sealed = self.look(data)
        return sealed.key_id if sealed is not None else None

    def may_be_answered(self, data: bytes) -> bool:
        """Whether the server may answer `data`: the notebook is open, or one of its clients has sealed `data`."""
        sealed = self.look(data)
        return not self.are_used or (sealed is not None and sealed.is_request)

    def is_taken_back(self, key_id: bytes | None) -> bool:
        """Whether the key with this id is not accepted any more."""
        return key_id in self._taken_back

    def check_request(self, data: bytes, key_ids: Collection[bytes]) -> None:
        """Check `data`, a datagram of a client that has the keys `key_ids`, if the notebook is sealed. Raises `Violation`.

        The datagram must be sealed with one of these keys, or ask in the open which open notebooks there are.
        """
        if not self.are_used:
            return
        sealed = self.look(data)
        if sealed is None:
            _check_openly_said(data)
        elif not sealed.is_request or sealed.key_id not in key_ids:
            raise Violation("a client has sealed something with another key than its own")
        else:
            _check_concealed(sealed)

    def check_answer(self, data: bytes) -> None:
        """Check `data`, a datagram of the server, if the notebook is sealed. Raises `Violation`.

        The datagram must be sealed. With a key that is no longer accepted, it may only say that the key has changed.
        """
        if not self.are_used:
            return
        sealed = self.look(data)
        if sealed is None or sealed.is_request:
            raise Violation("the server of a sealed notebook says something in the open")
        if self.is_taken_back(sealed.key_id) and not _tells_of_change(parse(sealed.body)):
            raise Violation("the server answers under a key that it should not accept any more")
        _check_concealed(sealed)

    def check_told(self, key_ids: Collection[bytes]) -> None:
        """Check that a client with the keys `key_ids` is right to believe that its key has changed. Raises `Violation`."""
        if not any(map(self.is_taken_back, key_ids)):
            raise Violation("a client was told that its key was changed, and it still holds")

    def _draw(self) -> bytes:
        key = Key(self._random, self.sealed)
        self._keys[key.client.key_id] = key
        return key.key


def _check_openly_said(data: bytes) -> None:
    """Raise `Violation` unless `data`, an open datagram, only asks which open notebooks there are."""
    try:
        message = decode(data)
    except BadDatagram:
        raise Violation("a client of a sealed notebook speaks under a key that is none of the notebook's") from None
    if not isinstance(message, Discover) or message.notebook_id != ANY_NOTEBOOK:
        raise Violation(f"a client of a sealed notebook says in the open: {message}")


def _check_concealed(sealed: Sealed) -> None:
    """Raise `Violation` if pieces of the body can be read in the sealed datagram."""
    data, body = sealed.data, sealed.body
    places = (4, len(body) // 2, len(body) - READABLE_BYTES)
    if any(body[start : start + READABLE_BYTES] in data for start in places if 4 <= start <= len(body) - READABLE_BYTES):
        raise Violation("what is sealed can be read")


def _tells_of_change(message: Message) -> bool:
    """Whether a message says that the key has changed, and nothing else."""
    match message:
        case Refuse(reason=Reason.KEY_CHANGED) | Page(state=PageState.KEY_CHANGED, items=()):
            return True
        case Offer(flags=flags, entries=0):
            return bool(flags & KEY_CHANGED)
    return False


def _microseconds(seconds: float) -> int:
    return int(seconds * 1_000_000)
