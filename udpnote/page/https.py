"""HTTPS for the page: which names and addresses of this host are in its certificate, and for which of them browsers show a
warning.

Two certificates are in use: the authority's, which people install on their devices, and the server's, which the authority
issues, and which has the names and addresses.
"""

import os
from collections.abc import Callable, Collection, Sequence
from ipaddress import IPv4Address, ip_address

from starlette.types import ASGIApp

from udpnote.errors import Notice
from udpnote.page.access import AllowedHosts
from udpnote.page.addresses import dns_name, is_for_one_host, own_names
from udpnote.page.certificate_page import CertificatePage
from udpnote.page.certificates import authority_in, is_private
from udpnote.page.tls import ServerTls
from udpnote.storage.permissions import close_to_others

AUTHORITY_FILE = "https-authority.pem"
"""The name of the authority's file in the user's data folder."""


class Https:
    """This host's certificate authority (`authority`), and TLS with the certificates that it issues (`tls`). If there is no
    authority yet, the constructor makes one. If other users have access to its file, the constructor takes that away.

    `folder` is the folder of the authority's file. `host` is this host's name. `allowed` are further names and addresses by
    which browsers reach this host. `own_addresses` returns this host's addresses, and `now` the time in microseconds since 1970
    UTC. The constructor raises `StorageError` if the authority cannot be read or made, is damaged, or is no longer valid.
    """

    def __init__(
        self,
        folder: str,
        *,
        host: str,
        allowed: Collection[str],
        own_addresses: Callable[[], Sequence[str]],
        now: Callable[[], int],
    ) -> None:
        self._path = os.path.join(folder, AUTHORITY_FILE)
        self._further_addresses = [each for each in allowed if _is_address(each)]
        further_names = [name for each in allowed if (name := dns_name(each)) is not None]
        self._names = list(dict.fromkeys([*own_names(host), *further_names]))
        self._host, self._own_addresses = host, own_addresses
        self.authority = authority_in(self._path, host=host, names=self._names, now=now())
        self._closed = close_to_others([self._path])
        self.tls = ServerTls(
            self.authority,
            self._path,
            names=self._names,
            own_addresses=lambda: [*self._further_addresses, *own_addresses()],
            now=now,
        )

    def certificate_page(self, port: int, hosts: AllowedHosts) -> ASGIApp:
        """Return the application that offers the authority's certificate, for the page over HTTPS at TCP `port`. It answers
        requests to one of `hosts`.
        """
        return CertificatePage(self.authority, self._host, port, hosts).asgi

    def covered(self, addresses: Sequence[str]) -> list[str]:
        """Return those of `addresses` that the server's certificate can name: those in private networks (see `is_private`)."""
        return [each for each in addresses if is_private(each)]

    def fingerprint_lines(self) -> list[str]:
        """Return the fingerprint that devices show for the authority's certificate, in two lines of 16 bytes each, because
        terminals have 80 columns.
        """
        pairs = self.authority.fingerprint.split(":")
        return [":".join(pairs[:16]), ":".join(pairs[16:])]

    def notices(self) -> list[Notice]:
        """Return notices about the names and addresses of this host that the server's certificate cannot have. For these,
        browsers show a warning. If other users had access to the authority's file, a notice of that comes first.

        The host's own public IPv6 addresses are not reported: many hosts have some, and people hardly type them.
        """
        named = {name: self.authority.covers_name(name) for name in self._names}
        without_dot = tuple(name for name in named if not is_for_one_host(name))
        missing = tuple(name for name, is_covered in named.items() if not is_covered and is_for_one_host(name))
        own_public = [each for each in self._own_addresses() if isinstance(ip_address(each), IPv4Address)]
        public = tuple(dict.fromkeys(each for each in [*self._further_addresses, *own_public] if not is_private(each)))
        notices = [*self._closed]
        if without_dot:
            # The last name is the most particular one. There is always one: each authority covers `localhost`.
            other = next(name for name, is_covered in reversed(named.items()) if is_covered)
            notices.append(Notice("names_without_dot", names=without_dot, other=other))
        if missing:
            notices.append(Notice("names_not_covered", names=missing, path=self._path))
        if public:
            notices.append(Notice("addresses_not_private", addresses=public))
        return notices


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
