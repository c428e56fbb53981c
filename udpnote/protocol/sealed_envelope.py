"""The sealed envelope encrypts and authenticates: only somebody with the notebook's key can read or make its datagrams.

HKDF (RFC 5869, with SHA-256) derives three values from the notebook's key: a key for requests, a key for answers, and the id of
the key. A datagram consists of a header, a random salt, a hint, and the body, which ChaCha20-Poly1305 (RFC 8439) encrypts;
everything before the body is associated data. Nobody without the key can turn a request into an answer, or change a bit of a
request or an answer.

Each datagram has a key of its own: the keyed BLAKE2b hash (RFC 7693) of the salt gives the hint and the datagram's key. A key
and nonce are used twice only if two salts are equal, also across processes and restarts. Salts have 128 random bits. After 2^48
datagrams (100,000 a second for 89 years), the probability that two salts are equal is 2^-33. NIST SP 800-38D §8 asks for at
most 2^-32.

The hint shows a receiver with several notebook keys which of them sealed the datagram. If none of its keys gives this hint, the
receiver drops the datagram without decrypting it. Like the salt, the hint looks random to anybody without the key.
"""

from collections.abc import Callable
from hashlib import blake2b

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from udpnote.errors import BadDatagram
from udpnote.model.address import DATAGRAM_BYTES_MAX
from udpnote.protocol.envelope import BODY_BYTES_MAX, HEADER_BYTES, MAGIC, SEALED_HEADER, VERSION

SALT_BYTES = 16
HINT_BYTES = 4
"""The length of a hint. By chance, one in 2^32 datagrams under another key has the right hint. Its authentication tag then
shows that the key is another one."""

TAG_BYTES = 16
KEY_ID_BYTES = 8
"""The length of a key's id: enough to distinguish the few keys of one user. The id reveals nothing about the key."""

OVERHEAD_BYTES = len(SEALED_HEADER) + SALT_BYTES + HINT_BYTES + TAG_BYTES
"""How many bytes a sealed datagram has in addition to its body."""

_SUBKEY_BYTES = 32
_NONCE = bytes(12)
"""The nonce may be constant, because each datagram has its own key."""

_SALT_END = len(SEALED_HEADER) + SALT_BYTES
_HINT_END = _SALT_END + HINT_BYTES
_BODY_HEADER = MAGIC + bytes((VERSION,))

assert BODY_BYTES_MAX + OVERHEAD_BYTES <= DATAGRAM_BYTES_MAX, "a sealed datagram that a router may fragment"

RandomBytes = Callable[[int], bytes]
"""A function that takes a number and returns that many random bytes."""


class SealedEnvelope:
    """The envelope of a client or a server with the notebook key `key`.

    HKDF derives two keys from `key`. The key with the info (RFC 5869) `seals_with` seals datagrams to send. The key with the
    info `opens_with` opens received datagrams. `random_bytes` makes the salts of the sealed datagrams, so its bytes must be
    unpredictable.
    """

    overhead_bytes = OVERHEAD_BYTES

    def __init__(self, key: bytes, *, seals_with: bytes, opens_with: bytes, random_bytes: RandomBytes) -> None:
        self.key_id = key_id(key)
        self._sealing = _keyed_hash(_derive(key, seals_with, _SUBKEY_BYTES))
        self._opening = _keyed_hash(_derive(key, opens_with, _SUBKEY_BYTES))
        self._random_bytes = random_bytes

    def wrap(self, body: bytes) -> bytes:
        """The sealed datagram that carries `body`, which must have at most `BODY_BYTES_MAX` bytes.

        Each call uses a new salt, so the same body never gives the same datagram twice.
        """
        assert len(body) <= BODY_BYTES_MAX, "a datagram that a router may fragment"
        salt = self._random_bytes(SALT_BYTES)
        derived = _hint_and_key(self._sealing, salt)
        head = SEALED_HEADER + salt + derived[:HINT_BYTES]
        return head + ChaCha20Poly1305(derived[HINT_BYTES:]).encrypt(_NONCE, body, head)

    def unwrap(self, data: bytes) -> bytes:
        """The body in the datagram `data`.

        Raises `BadDatagram` unless the other side sealed `data` with the same notebook key, and its body has this version of
        the protocol. For a client's envelope, the other side is a server, and vice versa.
        """
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
    """The envelope of a client with the notebook key `key`: it seals requests and opens answers.

    `random_bytes` makes the salts of the requests, so its bytes must be unpredictable.
    """
    return SealedEnvelope(key, seals_with=_REQUESTS, opens_with=_ANSWERS, random_bytes=random_bytes)


def server_envelope(key: bytes, random_bytes: RandomBytes) -> SealedEnvelope:
    """The envelope of a server with the notebook key `key`: it opens requests and seals answers.

    `random_bytes` makes the salts of the answers, so its bytes must be unpredictable.
    """
    return SealedEnvelope(key, seals_with=_ANSWERS, opens_with=_REQUESTS, random_bytes=random_bytes)


def key_id(key: bytes) -> bytes:
    """The id of the notebook key `key`, with `KEY_ID_BYTES` bytes. It depends only on the key, but does not reveal the key."""
    return _derive(key, _KEY_ID, KEY_ID_BYTES)


_REQUESTS, _ANSWERS, _KEY_ID = b"udpnote 1 requests", b"udpnote 1 answers", b"udpnote 1 key id"


def _keyed_hash(key: bytes) -> blake2b:
    return blake2b(digest_size=HINT_BYTES + _SUBKEY_BYTES, key=key)


def _hint_and_key(keyed_hash: blake2b, salt: bytes) -> bytes:
    """The hint (`HINT_BYTES` bytes) of the datagram with this salt, followed by the datagram's key (`_SUBKEY_BYTES` bytes).

    `keyed_hash` is a BLAKE2b object that has hashed nothing yet. This function hashes with a copy of it, because copying takes
    only two thirds of the time of making a new one.
    """
    hashing = keyed_hash.copy()
    hashing.update(salt)
    return hashing.digest()


def _derive(key: bytes, purpose: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=purpose).derive(key)
