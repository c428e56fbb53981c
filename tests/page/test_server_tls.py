"""TLS of the page: a browser that trusts only the authority gets a certificate for the address at which it connects."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from udpnote.machine.clock import wall_microseconds
from udpnote.page.certificates import Authority, authority_in
from udpnote.page.server_tls import CHECK_MICROSECONDS, ServerTls

NAMES = ["localhost", "pc.local"]
DAY = 86_400_000_000


class Host:
    """A host whose addresses and clock change, with TLS."""

    def __init__(self, folder: Path) -> None:
        self.now = wall_microseconds()
        self.addresses = ["127.0.0.1"]
        self.folder = folder
        self.authority: Authority = authority_in(str(folder / "authority.pem"), host="pc", names=NAMES, now=self.now)
        self.tls = ServerTls(
            self.authority,
            str(folder / "server.pem"),
            names=NAMES,
            own_addresses=lambda: self.addresses,
            now=lambda: self.now,
        )

    def connect(self, name: str) -> str:
        """Connect as a browser that has opened `https://name`; the certificate's serial number, or why it is not trusted."""
        client = ssl.create_default_context(cadata=self.authority.pem.decode())
        client.verify_flags |= ssl.VERIFY_X509_STRICT
        with self._answering() as own, client.wrap_socket(own, server_hostname=name, do_handshake_on_connect=False) as tls:
            try:
                tls.do_handshake()
            except ssl.SSLCertVerificationError as error:
                return error.verify_message
            found = tls.getpeercert()
        assert found is not None
        return str(found["serialNumber"])

    @contextmanager
    def _answering(self) -> Iterator[socket.socket]:
        own, other = socket.socketpair()

        def answer() -> None:
            try:
                self.tls.context.wrap_socket(other, server_side=True).close()
            except OSError:
                other.close()  # the browser has refused the certificate

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield own
        finally:
            own.close()
            thread.join(10)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_one_certificate_serves_all_names_and_addresses_of_the_host(host: Host) -> None:
    assert len({host.connect(name) for name in ("localhost", "pc.local", "127.0.0.1")}) == 1
    assert "mismatch" in host.connect("example.org")
    assert [each.name for each in host.folder.iterdir()] == ["authority.pem"], "no key of a server stays on the disk"


def test_a_host_with_a_new_address_shows_a_certificate_with_it_to_the_next_browser(host: Host) -> None:
    before = host.connect("127.0.0.1")
    host.addresses = ["127.0.0.1", "192.168.0.7", "8.8.8.8"]
    assert "mismatch" in host.connect("192.168.0.7"), "the addresses were asked for a moment ago"
    host.now += CHECK_MICROSECONDS
    new = host.connect("192.168.0.7")
    assert new == host.connect("127.0.0.1") != before
    host.now += CHECK_MICROSECONDS
    assert host.connect("192.168.0.7") == new, "a public address, which no certificate can have, makes none"


@pytest.mark.parametrize(("days", "is_new"), [(1, False), (359, False), (361, True), (-6, False), (-8, True)])
def test_a_certificate_is_renewed_before_its_end_and_if_the_clock_is_set_back(host: Host, days: int, is_new: bool) -> None:
    before = host.connect("127.0.0.1")
    host.now += days * DAY
    after = host.connect("127.0.0.1")
    assert (after != before) is is_new


def test_while_no_new_certificate_can_be_made_browsers_get_the_old_one(host: Host) -> None:
    before = host.connect("127.0.0.1")
    host.folder.rename(host.folder.with_name("away"))
    host.addresses.append("192.168.0.7")
    host.now += CHECK_MICROSECONDS
    assert host.connect("127.0.0.1") == before
