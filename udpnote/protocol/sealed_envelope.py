"""The sealed envelope encrypts and authenticates: only somebody with the notebook's key can open or make its datagrams.

HKDF (RFC 5869, with SHA-256) derives three values from the notebook's key: a key for requests, a key for answers, and the key's
id. A datagram consists of a header, a random salt, a hint, and the body under ChaCha20-Poly1305 (RFC 8439), with everything
before it as associated data. So nobody without the key can turn a request into an answer, or change a bit of either.

Each datagram has a key of its own: keyed BLAKE2b (RFC 7693) of its salt gives that key and the hint. So the same key and nonce
are used twice only if two salts are equal; that holds for all processes, and after a restart. Salts have 128 random bits: after
2^48 datagrams, which is 89 years of 100,000 a second, two are equal with a probability of 2^-33; SP 800-38D §8 asks for at most
2^-32. By the hint, the receiver finds which of its keys a datagram is for, and drops a datagram under any other key
without decryption. Like the salt, the hint looks random to anybody without the key.
"""

from collections.abc import Callable
from hashlib import blake2b

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from udpnote.errors import BadDatagram
from udpnote.protocol.envelope import BODY_BYTES_MAX, DATAGRAM_BYTES_MAX, HEADER_BYTES, MAGIC, SEALED_HEADER, VERSION

SALT_BYTES = 16
HINT_BYTES = 4
"""One in four thousand million datagrams under other keys has the right hint by chance: it is decrypted, and then dropped."""

TAG_BYTES = 16
KEY_ID_BYTES = 8
"""Enough to tell the few keys of one user apart. The id reveals nothing about the key."""

OVERHEAD_BYTES = len(SEALED_HEADER) + SALT_BYTES + HINT_BYTES + TAG_BYTES
"""How many bytes longer a sealed datagram is than its body."""

_SUBKEY_BYTES = 32
_NONCE = bytes(12)
"""The nonce is constant, because no key is used for two datagrams."""

_SALT_END = len(SEALED_HEADER) + SALT_BYTES
_HINT_END = _SALT_END + HINT_BYTES
_BODY_HEADER = MAGIC + bytes((VERSION,))

assert BODY_BYTES_MAX + OVERHEAD_BYTES <= DATAGRAM_BYTES_MAX, "a sealed datagram that a router may fragment"

RandomBytes = Callable[[int], bytes]


class SealedEnvelope:
    """The envelope of a client or a server under one notebook key; `random_bytes` makes unpredictable salts."""

    overhead_bytes = OVERHEAD_BYTES

    def __init__(self, key: bytes, *, seals_with: bytes, opens_with: bytes, random_bytes: RandomBytes) -> None:
        self.key_id = key_id(key)
        self._sealing = _keyed_hash(_derive(key, seals_with, _SUBKEY_BYTES))
        self._opening = _keyed_hash(_derive(key, opens_with, _SUBKEY_BYTES))
        self._random_bytes = random_bytes

    def wrap(self, body: bytes) -> bytes:
        """The datagram that carries `body`; it is different each time."""
        assert len(body) <= BODY_BYTES_MAX, "a datagram that a router may fragment"
        salt = self._random_bytes(SALT_BYTES)
        derived = _hint_and_key(self._sealing, salt)
        head = SEALED_HEADER + salt + derived[:HINT_BYTES]
        return head + ChaCha20Poly1305(derived[HINT_BYTES:]).encrypt(_NONCE, body, head)

    def unwrap(self, data: bytes) -> bytes:
        """The body that the other end has sealed with the same notebook key into `data`; raises `BadDatagram` if it has not."""
        if data[:HEADER_BYTES] != SEALED_HEADER:
            raise BadDatagram("unsealed")
        if not OVERHEAD_BYTES + HEADER_BYTES <= len(data) <= BODY_BYTES_MAX + OVERHEAD_BYTES:
            raise BadDatagram("truncated" if len(data) < DATAGRAM_BYTES_MAX else "oversized")
        derived = _hint_and_key(self._opening, data[HEADER_BYTES:_SALT_END])
        if derived[:HINT_BYTES] != data[_SALT_END:_HINT_END]:
            raise BadDatagram("strange")
        try:
            body = ChaCha20Poly1305(derived[HINT_BYTES:]).decrypt(_NONCE, data[_HINT_END:], data[:_HINT_END])
        except InvalidTag:
            raise BadDatagram("forged") from None
        if not body.startswith(_BODY_HEADER):
            raise BadDatagram("version")
        return body


def client_envelope(key: bytes, random_bytes: RandomBytes) -> SealedEnvelope:
    """A client's envelope: it seals requests and opens answers."""
    return SealedEnvelope(key, seals_with=_REQUESTS, opens_with=_ANSWERS, random_bytes=random_bytes)


def server_envelope(key: bytes, random_bytes: RandomBytes) -> SealedEnvelope:
    """A server's envelope: it opens requests and seals answers."""
    return SealedEnvelope(key, seals_with=_ANSWERS, opens_with=_REQUESTS, random_bytes=random_bytes)


def key_id(key: bytes) -> bytes:
    """The id of `key`, which does not reveal it."""
    return _derive(key, _KEY_ID, KEY_ID_BYTES)


_REQUESTS, _ANSWERS, _KEY_ID = b"udpnote 1 requests", b"udpnote 1 answers", b"udpnote 1 key id"


def _keyed_hash(key: bytes) -> blake2b:
    return blake2b(digest_size=HINT_BYTES + _SUBKEY_BYTES, key=key)


def _hint_and_key(keyed_hash: blake2b, salt: bytes) -> bytes:
    """The hint and the key of the datagram with this salt; copying the keyed hash takes two thirds of the time of a new one."""
    hashing = keyed_hash.copy()
    hashing.update(salt)
    return hashing.digest()


def _derive(key: bytes, purpose: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=purpose).derive(key)
