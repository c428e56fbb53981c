"""Reads certificates, and forges them as a thief of the authority's key could."""

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from udpnote.page.certificates import Authority, server_certificate


def first_certificate(pem: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificates(pem)[0]


def forged_certificate(authority: Authority, *subjects: x509.GeneralName, now: int) -> bytes:
    """Make a certificate for `subjects`, which the name constraints of `authority` may forbid.

    Return, as PEM, the certificate, the certificate of its issuer, and its private key. `now` is the time in microseconds since
    1970 UTC.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    honest = first_certificate(server_certificate(authority, names=["localhost"], addresses=[], now=now).pem)
    builder = x509.CertificateBuilder(
        issuer_name=authority.issuer.subject,
        subject_name=honest.subject,
        public_key=key.public_key(),
        serial_number=7,
        not_valid_before=honest.not_valid_before_utc,
        not_valid_after=honest.not_valid_after_utc,
    )
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    for each in (x509.SubjectAlternativeName(subjects), identifier):
        builder = builder.add_extension(each, critical=False)
    chain = (builder.sign(authority.key, SHA256()), authority.issuer)
    certificates = b"".join(each.public_bytes(Encoding.PEM) for each in chain)
    return certificates + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
