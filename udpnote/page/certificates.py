"""The certificates of `udpnote page --https`: this host's own certificate authority, which devices install, and what it issues.

Name constraints (RFC 5280 §4.2.1.10) limit what a thief of the authority's key can do: to the names of this host, and to
addresses that only a private network uses. Software may ignore constraints in a root certificate that a user has installed (RFC
5280 §6.1 leaves that open, and RFC 5937 says why it matters). It must obey them in a certificate below the root. Therefore
there are three certificates:

* The *root* is what devices install. Its key signs a single certificate, that of the issuer, and is then forgotten. It is never
in a file, so nobody can steal it.
* The *issuer* has the same constraints. It may vouch only for web servers, not for another authority. Its key is in the file of
the authority.
* A *server certificate* has the addresses and names that this host has now. A new one is made at each start, and when they
change.

The constraint for a name permits all names below it: the one for `dev` would permit `www.example.dev`. Hence no constraint is
made for a name without a dot, except `localhost`, which is this machine everywhere (RFC 6761 §6.3).
"""

import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from udpnote.errors import StorageError
from udpnote.page.addresses import is_for_one_host
from udpnote.storage.atomic_file import secret_file
from udpnote.storage.disk_errors import storage_errors
from udpnote.storage.new_files import locked_folder, make_folders

_IPV4 = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8")  # RFC 1918, RFC 3927, RFC 1122
_IPV6 = ("::1/128", "fe80::/10", "fc00::/7")  # RFC 4291, RFC 4193
PRIVATE_NETWORKS = tuple(map(ip_network, _IPV4 + _IPV6))
"""The networks of the addresses that certificates may have. Such an address can be reached only from its own network."""

AUTHORITY_DAYS = 3653
"""An authority is valid until this many days after it is made: ten years. Then devices must install the certificate of a new
one."""

AUTHORITY_BEGINS = datetime(2020, 1, 1, tzinfo=UTC)
"""The time from which an authority is valid. It is so early that a wrong clock does not matter when the authority is made."""

SERVER_DAYS = 397
"""How many days a server certificate is valid.

Apple's systems refuse more than 825 (support.apple.com/103769). If a certificate is from an authority that comes with these
systems, the most is 398 days, and Apple recommends 397 (support.apple.com/102028).
"""

BACKDATED_DAYS = 7
"""The validity of a server certificate begins this many days before it is made, for devices whose clocks are behind."""

RENEWAL_DAYS = 30
"""A server certificate is replaced when it is valid for fewer days than this. Hardly any device's clock is ahead by more."""

ADDRESSES_MAX = 100
"""The most addresses in a server certificate, because each browser gets all of them when it connects. Only a host of hundreds
of containers or virtual machines has more, and browsers do not need those.
"""

FILE_BYTES_MAX = 1 << 16
"""How many bytes of an authority's file are read at most. A key and two certificates have far fewer."""

_FILE_HEADER = """\
The certificate authority of `udpnote page --https` on {host}.
Keep this file secret: anybody who has it can pose as this host's page, to all devices that have installed the certificate.

"""

_COMMON_NAME_CHARACTERS_MAX = 64  # RFC 5280, appendix A.1, ub-common-name


class Authority(NamedTuple):
    """A certificate authority: the root certificate, which devices install, the issuer's certificate, and the issuer's key."""

    root: x509.Certificate
    issuer: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        """The certificate that devices install, as PEM."""
        return self.root.public_bytes(Encoding.PEM)

    @property
    def der(self) -> bytes:
        """The certificate that devices install, as DER."""
        return self.root.public_bytes(Encoding.DER)

    @property
    def common_name(self) -> str:
        """The name under which devices list the certificate."""
        return str(self.root.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)

    @property
    def fingerprint(self) -> str:
        """The SHA-256 fingerprint of the certificate that devices install: 32 bytes as `AB:CD:…`."""
        return self.root.fingerprint(SHA256()).hex(":").upper()

    def covers_name(self, name: str) -> bool:
        """Whether the authority's constraints permit `name`, which must be in the form that `dns_name` returns."""
        permitted = self.issuer.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
        bases = [each.value for each in permitted if isinstance(each, x509.DNSName)]
        return any(name == base or name.endswith(f".{base}") for base in bases)


class ServerCertificate(NamedTuple):
    """A certificate for this host's web server. `pem` has the certificate, its private key, and the issuer's certificate.

    `subjects` are the names and addresses in the certificate. The server should use it from `valid_from` (included) to
    `renewed_at` (excluded), both in microseconds since 1970 UTC.
    """

    pem: bytes
    subjects: frozenset[str]
    valid_from: int
    renewed_at: int


def is_private(address: str) -> bool:
    """Whether a certificate may have the IP address `address`, because it is in one of `PRIVATE_NETWORKS`."""
    own = ip_address(address)
    return any(own in network for network in PRIVATE_NETWORKS)


def authority_in(path: str, *, host: str, names: Iterable[str], now: int) -> Authority:
    """Return the authority in the file `path`. If there is no such file, make an authority for `names`, and the file.

    `names` must be in the form that `dns_name` returns. A name that other hosts may have, too (see `is_for_one_host`), is left
    out. `host` is this host's name, which becomes part of the certificate's name. `now` is the time in microseconds since 1970
    UTC. The file appears whole or not at all, and only this user can read it. If two processes call this at once, both get the
    same authority.

    Raises `StorageError` if the file cannot be read or made, if it is damaged or no regular file, or if the authority is valid
    for less than one more day.
    """
    folder = os.path.dirname(path)
    with storage_errors(path):
        make_folders(folder)
        with locked_folder(folder):
            if not os.path.exists(path):
                _write(path, _new_authority(host, names, now), host)
            if not os.path.isfile(path):  # opening a pipe may wait for ever
                raise StorageError("authority_is_no_file", path=path)
            with open(path, "rb") as file:
                data = file.read(FILE_BYTES_MAX)
    authority = _read(path, data)
    if _time(now) >= authority.root.not_valid_after_utc - timedelta(days=1):
        raise StorageError("authority_expired", path=path)
    return authority


def server_certificate(authority: Authority, *, names: Iterable[str], addresses: Iterable[str], now: int) -> ServerCertificate:
    """Make a certificate and its key for this host. It has those of `names` and `addresses` that the authority's constraints
    permit.

    Of the addresses, it has the first `ADDRESSES_MAX` at most. `now` is the time in microseconds since 1970 UTC.
    """
    covered, private = covered_subjects(authority, names=names, addresses=addresses)
    key = ec.generate_private_key(ec.SECP256R1())
    start = _time(now) - timedelta(days=BACKDATED_DAYS)
    end = min(start + timedelta(days=SERVER_DAYS) - timedelta(seconds=1), authority.issuer.not_valid_after_utc)
    subjects = [*map(x509.DNSName, covered), *(x509.IPAddress(ip_address(address)) for address in private)]
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_key_usage(signs_certificates=False), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.SubjectAlternativeName(subjects), False),
    ]
    certificate = _signed("udpnote page", key.public_key(), authority.issuer.subject, authority.key, start, end, extensions)
    parts = (_key_bytes(key), *(each.public_bytes(Encoding.PEM) for each in (certificate, authority.issuer)))
    # At the end of the authority, all certificates end soon: then a new one is made once a day, not for each connection.
    renewed_at = max(end - timedelta(days=RENEWAL_DAYS), _time(now) + timedelta(days=1))
    return ServerCertificate(b"".join(parts), frozenset((*covered, *private)), _microseconds(start), _microseconds(renewed_at))


def covered_subjects(authority: Authority, *, names: Iterable[str], addresses: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return those of `names` and `addresses` that `server_certificate` puts into a certificate, as two lists without
    duplicates.

    These are the names that `authority` may certify, and the addresses of private networks, at most the first `ADDRESSES_MAX`.
    """
    covered = [name for name in dict.fromkeys(names) if authority.covers_name(name)]
    private = [address for address in dict.fromkeys(addresses) if is_private(address)]
    return covered, private[:ADDRESSES_MAX]


def _new_authority(host: str, names: Iterable[str], now: int) -> Authority:
    """Make an authority for `names`. For the arguments see `authority_in`. The private key of its root is dropped when this
    returns, and was in no file.
    """
    made = _time(now)
    # A clock that is behind, as on a machine without a battery, does not make the authority end early.
    end = max(made, datetime(2026, 1, 1, tzinfo=UTC)) + timedelta(days=AUTHORITY_DAYS)
    ending = f" ({made:%Y-%m-%d})"
    name = f"udpnote on {host}"[: _COMMON_NAME_CHARACTERS_MAX - len(ending) - len(" issuer")] + ending
    hosts = [x509.DNSName(each) for each in dict.fromkeys(names) if is_for_one_host(each)]
    constraints = x509.NameConstraints([*hosts, *map(x509.IPAddress, PRIVATE_NETWORKS)], None)
    common: list[tuple[x509.ExtensionType, bool]] = [(_key_usage(signs_certificates=True), True), (constraints, True)]
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_extensions = [*common, (x509.BasicConstraints(ca=True, path_length=1), True)]
    root = _signed(name, root_key.public_key(), _subject(name), root_key, AUTHORITY_BEGINS, end, root_extensions)
    issuer_extensions = [
        *common,
        (x509.BasicConstraints(ca=True, path_length=0), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
    ]
    issuer = _signed(f"{name} issuer", key.public_key(), root.subject, root_key, AUTHORITY_BEGINS, end, issuer_extensions)
    return Authority(root, issuer, key)


def _signed(
    common_name: str,
    public_key: ec.EllipticCurvePublicKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    start: datetime,
    end: datetime,
    extensions: Sequence[tuple[x509.ExtensionType, bool]],
) -> x509.Certificate:
    """Make a certificate for `public_key` that is valid from `start` to `end`, and sign it with the `issuer_key` of `issuer`.

    `common_name` is the name of the certificate's owner. Each of `extensions` is an extension, and whether it is critical. The
    identifiers of both keys are added.
    """
    builder = (
        x509.CertificateBuilder()
        .subject_name(_subject(common_name))
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    for extension, is_critical in extensions:
        builder = builder.add_extension(extension, critical=is_critical)
    return builder.sign(issuer_key, SHA256())


def _subject(common_name: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "udpnote"), x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    """Return the key usage extension (RFC 5280 §4.2.1.3): that of an authority if `signs_certificates`, else that of a
    server.
    """
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write(path: str, authority: Authority, host: str) -> None:
    shown = "".join(character if character.isprintable() else " " for character in host)  # the header has one line for it
    certificates = (each.public_bytes(Encoding.PEM) for each in (authority.issuer, authority.root))
    with secret_file(path, beside=path) as file:
        file.write(b"".join((_FILE_HEADER.format(host=shown).encode(), _key_bytes(authority.key), *certificates)))


def _read(path: str, data: bytes) -> Authority:
    """Return the authority in `data`, the content of the file `path`.

    Raises `StorageError` if `data` has no authority, or if its certificates and key do not belong together.
    """
    try:
        key = load_pem_private_key(data, password=None)
        issuer, root = x509.load_pem_x509_certificates(data)
        issuer.verify_directly_issued_by(root)
        constraints = issuer.extensions.get_extension_for_class(x509.NameConstraints)
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound) as error:
        raise StorageError("authority_damaged", path=path) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != issuer.public_key() or not constraints.critical:
        raise StorageError("authority_damaged", path=path)
    return Authority(root, issuer, key)


def _key_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _time(microseconds: int) -> datetime:
    """Return the time `microseconds` since 1970 UTC in whole seconds, because certificates have no fractions (RFC 5280
    §4.1.2.5).

    A time before 1971 becomes the beginning of 1971, and a time after 9899 the beginning of 9900. So the caller can subtract
    and add some days or years.
    """
    time = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=microseconds // 1_000_000)
    return min(max(time, datetime(1971, 1, 1, tzinfo=UTC)), datetime(9900, 1, 1, tzinfo=UTC))


def _microseconds(time: datetime) -> int:
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
