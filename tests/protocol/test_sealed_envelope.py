"""The sealed envelope: with the key it opens what was sealed with the key, and nothing else."""

import gc
from hashlib import blake2b
from hmac import digest
from random import Random

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from tests.support.golden import KEY, SALT, SEALED, golden, sealed_golden
from tests.support.wire import refusal
from udpnote.errors import BadDatagram
from udpnote.model.address import DATAGRAM_BYTES_MAX
from udpnote.protocol.envelope import BODY_BYTES_MAX, OPEN, unwrap_any
from udpnote.protocol.sealed_envelope import OVERHEAD_BYTES, SALT_BYTES, client_envelope, key_id, server_envelope

BODY = golden("APPEND in Chinese")[:-4]
HEADER = b"UN\1S"
RANDOM = Random(6683)
CLIENT, SERVER = (make(KEY, RANDOM.randbytes) for make in (client_envelope, server_envelope))
STRANGER = client_envelope(bytes(16), RANDOM.randbytes)


def hkdf(key: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869 with SHA-256 and without a salt, as its section 2 writes it, for one block."""
    return digest(digest(bytes(32), key, "sha256"), info + b"\1", "sha256")[:length]


def independently_sealed(body: bytes, info: bytes) -> bytes:
    """A sealed datagram by the description in docs/protocol.md, without the code under test."""
    derived = blake2b(SALT, key=hkdf(KEY, info, 32), digest_size=36).digest()
    head = HEADER + SALT + derived[:4]
    return head + ChaCha20Poly1305(derived[4:]).encrypt(bytes(12), body, head)


@pytest.mark.parametrize("name", SEALED)
def test_a_golden_sealed_datagram_follows_the_description_and_is_opened_unless_a_bit_is_flipped(name: str) -> None:
    body, is_answer = golden(name)[:-4], SEALED[name]
    assert sealed_golden(name) == independently_sealed(body, b"udpnote 1 answers" if is_answer else b"udpnote 1 requests")
    sealing, opening = (server_envelope, client_envelope) if is_answer else (client_envelope, server_envelope)
    assert sealing(KEY, lambda count: SALT[:count]).wrap(body) == sealed_golden(name)
    assert opening(KEY, RANDOM.randbytes).unwrap(sealed_golden(name)) == body
    for bit in range(8 * len(sealed_golden(name))):
        flipped = bytearray(sealed_golden(name))
        flipped[bit // 8] ^= 1 << bit % 8
        assert refusal(bytes(flipped), opening(KEY, RANDOM.randbytes)) in ("unsealed", "strange", "forged")


@pytest.mark.parametrize("fields", [b"", b"x" * 100, bytes(BODY_BYTES_MAX - 4)], ids=len)
def test_the_other_end_opens_what_one_end_seals_up_to_a_limit_and_the_same_end_does_not(fields: bytes) -> None:
    body = b"UN\1\3" + fields
    for sealing, opening in ((CLIENT, SERVER), (SERVER, CLIENT)):
        datagram = sealing.wrap(body)
        assert opening.unwrap(datagram) == body
        assert len(datagram) == len(body) + OVERHEAD_BYTES <= DATAGRAM_BYTES_MAX
        assert refusal(datagram, sealing) == "strange"
        with pytest.raises(AssertionError):
            sealing.wrap(bytes(BODY_BYTES_MAX + 1))


def test_equal_bodies_make_different_datagrams_and_both_ends_agree_on_the_id_of_their_key() -> None:
    datagrams = [CLIENT.wrap(BODY) for _ in range(200)]
    for start, end in ((4, 4 + SALT_BYTES), (20, 24), (24, 40), (-16, None)):
        assert len({datagram[start:end] for datagram in datagrams}) == 200, "salt, hint, text and tag are random to a stranger"
    assert CLIENT.key_id == SERVER.key_id == key_id(KEY) == hkdf(KEY, b"udpnote 1 key id", 8) != STRANGER.key_id
    assert OPEN.key_id is None


def test_a_datagram_cut_short_or_made_longer_is_refused() -> None:
    datagram = CLIENT.wrap(BODY)
    for size in range(len(datagram)):
        assert refusal(datagram[:size], SERVER) in ("unsealed", "truncated", "forged")
    for more in (b"\0", b"\0" * 40, datagram, bytes(DATAGRAM_BYTES_MAX)):
        assert refusal(datagram + more, SERVER) in ("forged", "oversized")
    assert refusal(HEADER + bytes(DATAGRAM_BYTES_MAX - 3), SERVER) == "oversized"


def test_a_datagram_whose_header_is_not_authenticated_is_refused() -> None:
    head, rest = CLIENT.wrap(BODY)[:24], CLIENT.wrap(BODY)[24:]
    derived = blake2b(head[4:20], key=hkdf(KEY, b"udpnote 1 requests", 32), digest_size=36).digest()
    assert refusal(head + ChaCha20Poly1305(derived[4:]).encrypt(bytes(12), BODY, b""), SERVER) == "forged"
    assert refusal(head + rest, SERVER) == "forged"


def test_a_sealed_body_that_is_no_message_is_refused() -> None:
    assert refusal(CLIENT.wrap(b""), SERVER) == "truncated"
    for body in (b"UN\2\3", b"NU\1\3", b"\0\0\0\0"):
        assert refusal(CLIENT.wrap(body), SERVER) == "version"


def test_a_datagram_is_opened_only_by_the_envelope_with_its_key() -> None:
    envelopes = [server_envelope(bytes((number,)) * 16, RANDOM.randbytes) for number in range(4)]
    for number, envelope in enumerate(envelopes):
        datagram = client_envelope(bytes((number,)) * 16, RANDOM.randbytes).wrap(BODY)
        assert unwrap_any(datagram, envelopes) == (BODY, envelope)
        with pytest.raises(BadDatagram, match="strange"):
            unwrap_any(datagram, [each for each in envelopes if each is not envelope])
    with pytest.raises(BadDatagram):
        unwrap_any(CLIENT.wrap(BODY), [])


def test_a_bad_datagram_leaves_nothing_for_the_garbage_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        for _ in range(10):
            with pytest.raises(BadDatagram):
                unwrap_any(bytes(100), [OPEN, CLIENT, SERVER])
        assert gc.collect() == 0
    finally:
        gc.enable()
