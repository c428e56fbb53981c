"""Certificates are valid for the names and addresses of the host. A stolen key can make no valid ones for others."""

import shutil
import stat
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.support.certificates import first_certificate, forged_certificate
from tests.support.errors import raises
from udpnote.errors import StorageError
from udpnote.model.entry import WRITTEN_AT_MAX, WRITTEN_AT_MIN
from udpnote.page.certificates import (
    ADDRESSES_MAX,
    AUTHORITY_DAYS,
    SERVER_DAYS,
    Authority,
    authority_in,
    covered_subjects,
    server_certificate,
)

NOW = 1_795_622_400_000_000
"""2026-11-25T16:00:00Z, in microseconds."""

DAY = 86_400_000_000
NAMES = ["localhost", "pc.local", "notes.example.org", "dev"]
ADDRESSES = ["127.0.0.1", "10.1.2.3", "192.168.0.7", "::1", "fd12::7", "8.8.8.8", "2606:4700::1"]
OPENSSL = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "authority.pem"


@pytest.fixture
def authority(path: Path) -> Authority:
    return made(path)


def made(path: Path, *, now: int = NOW) -> Authority:
    return authority_in(str(path), host="刘的电脑", names=NAMES, now=now)


def verified(folder: Path, authority: Authority, pem: bytes, *options: str, purpose: str = "sslserver") -> str:
    """What OpenSSL says of the certificate `pem`, if it trusts the authority: OK, or why not."""
    files = {"root": authority.pem, "issuer": authority.issuer.public_bytes(Encoding.PEM), "own": pem}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    root, issuer, own = (str(folder / name) for name in files)
    moment = str(NOW // 1_000_000)
    command = [
        "openssl",
        "verify",
        "-x509_strict",
        "-attime",
        moment,
        "-purpose",
        purpose,
        "-CAfile",
        root,
        "-untrusted",
        issuer,
    ]
    done = subprocess.run([*command, *options, own], capture_output=True, text=True, timeout=30, check=False)
    return "OK" if done.returncode == 0 else done.stderr


@OPENSSL
@pytest.mark.parametrize(
    "options",
    [*(("-verify_hostname", each) for each in NAMES[:3]), *(("-verify_ip", each) for each in ADDRESSES[:5])],
    ids=lambda options: options[1],
)
def test_a_server_certificate_is_valid_for_each_name_and_private_address(
    authority: Authority, tmp_path: Path, options: tuple[str, str]
) -> None:
    pem = server_certificate(authority, names=NAMES, addresses=ADDRESSES, now=NOW).pem
    assert verified(tmp_path, authority, pem, *options) == "OK"


@OPENSSL
@pytest.mark.parametrize(
    ("subject", "problem"),
    [
        (x509.DNSName("pc.local"), "OK"),
        (x509.DNSName("example.org"), "permitted subtree violation"),
        (x509.DNSName("other.local"), "permitted subtree violation"),
        (x509.DNSName("www.dev"), "permitted subtree violation"),
        (x509.DNSName("dev"), "permitted subtree violation"),
        (x509.IPAddress(ip_address("8.8.8.8")), "permitted subtree violation"),
        (x509.IPAddress(ip_address("172.32.0.1")), "permitted subtree violation"),
        (x509.IPAddress(ip_address("2606:4700::1")), "permitted subtree violation"),
    ],
    ids=str,
)
def test_a_thief_of_the_key_can_vouch_for_no_other_name_or_address(
    authority: Authority, tmp_path: Path, subject: x509.GeneralName, problem: str
) -> None:
    assert problem in verified(tmp_path, authority, forged_certificate(authority, subject, now=NOW))


@OPENSSL
@pytest.mark.parametrize("purpose", ["smimesign", "sslclient", "timestampsign"])
def test_a_thief_of_the_key_can_vouch_for_web_servers_only(authority: Authority, tmp_path: Path, purpose: str) -> None:
    subject = x509.RFC822Name("somebody@example.org")
    assert "purpose" in verified(tmp_path, authority, forged_certificate(authority, subject, now=NOW), purpose=purpose)


def test_the_root_key_which_could_lift_the_constraints_is_not_kept(authority: Authority, path: Path) -> None:
    assert path.read_text().count("PRIVATE KEY") == 2, "the beginning and the end of one key"
    assert authority.key.public_key() == authority.issuer.public_key() != authority.root.public_key()
    for certificate, path_length in ((authority.root, 1), (authority.issuer, 0)):
        assert certificate.extensions.get_extension_for_class(x509.NameConstraints).critical
        assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == path_length


def test_an_authority_is_made_once_and_only_its_user_can_read_it(path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        fingerprints = {each.fingerprint for each in threads.map(lambda _: made(path), range(8))}
    assert fingerprints == {made(path, now=NOW + 3000 * DAY).fingerprint}
    modes = [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent)]
    assert modes == [0o600, 0o700]
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("kept", [0, 100, 1000, -1], ids=["empty", "cut in the key", "cut in a certificate", "cut at the end"])
def test_a_damaged_file_is_said_to_be_damaged(path: Path, kept: int) -> None:
    made(path)
    path.write_bytes(path.read_bytes()[: kept if kept >= 0 else -100])
    with raises(StorageError, "authority_damaged", path=str(path)):
        made(path)


@pytest.mark.parametrize("target", [".", "/dev/zero"])
def test_a_folder_or_a_device_in_the_place_of_the_file_is_refused(path: Path, target: str) -> None:
    path.parent.mkdir()
    path.symlink_to(target)
    with raises(StorageError, "authority_is_no_file", path=str(path)):
        made(path)


def test_the_key_of_another_authority_is_noticed(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    for each in (path, other):
        made(each)
    begin = "-----BEGIN CERTIFICATE"
    path.write_text(other.read_text().partition(begin)[0] + "".join(path.read_text().partition(begin)[1:]))
    with raises(StorageError, "authority_damaged"):
        made(path)


def test_an_authority_ends_after_ten_years_and_its_certificates_with_it(authority: Authority, path: Path) -> None:
    late = server_certificate(authority, names=NAMES, addresses=[], now=NOW + (AUTHORITY_DAYS - 10) * DAY)
    assert first_certificate(late.pem).not_valid_after_utc == authority.issuer.not_valid_after_utc
    assert late.renewed_at == NOW + (AUTHORITY_DAYS - 9) * DAY
    with raises(StorageError, "authority_expired"):
        made(path, now=NOW + AUTHORITY_DAYS * DAY)


@pytest.mark.parametrize("wrong", [WRITTEN_AT_MIN, 0, NOW + 900 * DAY])
def test_an_authority_that_was_made_while_the_clock_was_wrong_is_valid_later(path: Path, wrong: int) -> None:
    root = made(path, now=wrong).root
    certificate = server_certificate(made(path), names=NAMES, addresses=[], now=NOW)
    assert root.not_valid_before_utc < first_certificate(certificate.pem).not_valid_before_utc
    assert certificate.renewed_at == NOW + (SERVER_DAYS - 37) * DAY - 1_000_000


@pytest.mark.parametrize("now", [WRITTEN_AT_MIN, WRITTEN_AT_MAX])
def test_certificates_can_be_made_at_both_ends_of_the_calendar(path: Path, now: int) -> None:
    assert server_certificate(made(path, now=now), names=NAMES, addresses=[], now=now).subjects == {*NAMES[:3]}


def test_a_server_certificate_lasts_as_long_as_apple_allows_and_begins_a_week_early(authority: Authority) -> None:
    certificate = server_certificate(authority, names=NAMES, addresses=ADDRESSES, now=NOW)
    own = first_certificate(certificate.pem)
    assert own.not_valid_after_utc - own.not_valid_before_utc + timedelta(seconds=1) == timedelta(days=397)
    assert certificate.valid_from == NOW - 7 * DAY


def test_a_server_certificate_has_no_name_without_a_dot_and_no_public_address(authority: Authority) -> None:
    certificate = server_certificate(authority, names=NAMES, addresses=ADDRESSES, now=NOW)
    assert certificate.subjects == {*NAMES[:3], *ADDRESSES[:5]}


def test_a_host_with_many_addresses_gets_a_certificate_with_the_first_ones(authority: Authority) -> None:
    many: Iterable[str] = [f"10.0.{each // 250}.{each % 250}" for each in range(1000)]
    _, addresses = covered_subjects(authority, names=[], addresses=many)
    assert addresses == list(many)[:ADDRESSES_MAX]
    assert server_certificate(authority, names=[], addresses=many, now=NOW).subjects == set(addresses)
