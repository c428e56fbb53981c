"""The TLS of the page's server. Its certificate has the addresses that this host has when a browser connects."""

import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress

from udpnote.errors import StorageError
from udpnote.page.certificates import Authority, ServerCertificate, covered_subjects, server_certificate
from udpnote.storage.database import storage_errors
from udpnote.storage.new_files import draft_of

CHECK_MICROSECONDS = 1_000_000
"""The addresses are read at most once in this time, because a browser opens several connections at once."""


class ServerTls:
    """TLS for a server. Its certificate has those of this host's `names` and addresses that `authority` permits.

    `own_addresses` returns this host's addresses, and `now` the time in microseconds since 1970 UTC. Both are called when a
    browser connects. If the certificate then lacks an address or is due for renewal, a new one is made for this and all later
    connections.

    OpenSSL can load a certificate and its key only from a file. So both are for a moment in a file beside `path`, which only
    this user can read. The constructor raises `StorageError` if that file cannot be made.
    """

    def __init__(
        self,
        authority: Authority,
        path: str,
        *,
        names: Sequence[str],
        own_addresses: Callable[[], Sequence[str]],
        now: Callable[[], int],
    ) -> None:
        self._authority, self._path, self._names = authority, path, names
        self._own_addresses, self._now = own_addresses, now
        self._checked_at = now()
        self._certificate = self._new_certificate()
        self._current = self._context_with(self._certificate)
        self.context = self._current
        """The context for the server's sockets. In each new connection, the current context takes its place."""

    def _choose(self, connection: ssl.SSLSocket | ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        """Give the new `connection` the context with the current certificate. If that certificate is outdated, renew it first.

        OpenSSL calls this for each new connection, even if the browser names no host.
        """
        now = self._now()
        if abs(now - self._checked_at) >= CHECK_MICROSECONDS:
            self._checked_at = now
            if not self._is_current(now):
                self._renew()
        connection.context = self._current

    def _renew(self) -> None:
        certificate = self._new_certificate()
        with suppress(StorageError):  # the disk is full: browsers get the old certificate until it has space
            self._current = self._context_with(certificate)
            self._certificate = certificate

    def _is_current(self, now: int) -> bool:
        """Return whether the certificate has all names and addresses that a new one would have now, and need not be renewed
        yet.

        `now` is the time in microseconds since 1970 UTC.
        """
        certificate = self._certificate
        names, addresses = covered_subjects(self._authority, names=self._names, addresses=self._own_addresses())
        return certificate.subjects.issuperset(names + addresses) and certificate.valid_from <= now < certificate.renewed_at

    def _new_certificate(self) -> ServerCertificate:
        return server_certificate(self._authority, names=self._names, addresses=self._own_addresses(), now=self._now())

    def _context_with(self, certificate: ServerCertificate) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["http/1.1"])
        context.sni_callback = self._choose
        with storage_errors(self._path), draft_of(self._path) as (descriptor, draft):
            with open(descriptor, "wb", closefd=False) as file:
                file.write(certificate.pem)
            context.load_cert_chain(draft)
        return context
