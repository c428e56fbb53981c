"""Judges the answers to a discovery: which one is from the notebook that the user has named, and which are from impostors.

An impostor is a server that claims to have a sealed notebook, but does not have its key (see `client.finding.trust`).

Also makes notices for several modules of the client: about an impostor, about a notebook that two servers have, and about an
address that datagrams do not reach.
"""

import errno
import os
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from udpnote.client.finding.destination import matches
from udpnote.client.finding.trust import ImpostorDetector
from udpnote.errors import Notice, NotSealed, OldKey, ServerNotFound, SeveralNotebooks, UdpnoteError, WrongNotebook
from udpnote.lan.udp_socket import SendError, format_address
from udpnote.model.address import Address
from udpnote.model.notebook import Destination, KnownNotebook, display_name, name_or_id
from udpnote.protocol.discovery import DiscoveryAnswer
from udpnote.protocol.rediscovery import ImpostorFound, known_notebook
from udpnote.settings import PORT

Answer = DiscoveryAnswer[Address]


class Judge(NamedTuple):
    """Judges the answers to a discovery. `detector` recognizes impostors; `known` are all notebooks in the outbox.

    `detector` and `known` show the outbox as it was when the judge was made. `server` is the HOST:PORT that the user has named
    for the client, or None if no server is named. If a sealed notebook has answered at `server` before, and now an open
    notebook answers there, the server counts as an impostor of the sealed notebook.
    """

    detector: ImpostorDetector
    known: list[KnownNotebook]
    server: str | None

    def pick(
        self, destination: Destination, found: list[Answer], *, ports: Sequence[int], expected: KnownNotebook | None
    ) -> Answer:
        """Return the answer, among all answers `found`, of the notebook that `destination` names.

        If several such notebooks have answered, returns the answer of `expected`. Raises `SeveralNotebooks` if `expected` is
        None or not among them. If no such notebook has answered, or only one whose key has changed, raises `OldKey`,
        `NotSealed`, `WrongNotebook` or `ServerNotFound`, as `Discoverer.find` explains. `ports` are the UDP ports at which
        discovery has asked; errors name them.
        """
        answered = self.matching(destination, found)
        usable = [each for each in answered if not each.has_new_key]
        as_expected = [each for each in usable if expected is not None and each.offer.notebook_id == expected.notebook_id]
        if len(as_expected or usable) == 1:
            return (as_expected or usable)[0]
        if usable:
            raise SeveralNotebooks("several_notebooks", found=_sorted(usable))
        if answered:
            notebook = known_notebook(answered[0])
            raise OldKey("key_changed", notebook, name=display_name(notebook, self.known))
        for each in found:
            impersonated = self.impersonated(each)
            if impersonated is not None and _may_name(destination, impersonated, known_notebook(each)):
                raise NotSealed.from_notice(impostor_notice(ImpostorFound(impersonated, each.source), self.known))
        raise _failure_of(destination, found, ports, self.known)

    def matching(self, destination: Destination, found: Iterable[Answer]) -> list[Answer]:
        """The answers in `found` from notebooks that `destination` names, without the answers of impostors."""
        return [each for each in found if self._matches(destination, each)]

    def impersonated(self, found: Answer) -> KnownNotebook | None:
        """The sealed notebook that the server of the answer `found` impersonates; None if this server is no impostor."""
        return self.detector.impersonated(found, self.server)

    def _matches(self, destination: Destination, found: Answer) -> bool:
        """Whether the answer `found` is from a notebook that `destination` names, and not from an impostor.

        An open notebook with the name of a known sealed notebook normally counts as an impostor. It does not if `destination`
        names it by its id, because the sealed notebook has another id.
        """
        notebook = known_notebook(found)
        if not matches(destination, notebook):
            return False
        impersonated = self.impersonated(found)
        is_named_by_id = destination.name_or_id is not None and destination.name_or_id != notebook.name
        return impersonated is None or (
            is_named_by_id and not matches(Destination(name_or_id=destination.name_or_id), impersonated)
        )


def impostor_notice(impostor: ImpostorFound, known: Iterable[KnownNotebook]) -> Notice:
    """The notice that a server claims to have a sealed notebook without its key; `known` are all notebooks in the outbox."""
    known = list(known)
    return Notice(
        "impostor",
        address=format_address(impostor.address),
        name=display_name(impostor.notebook, known),
        argument=name_or_id(impostor.notebook, known),
    )


def served_twice_notice(found: Answer, known: Iterable[KnownNotebook]) -> Notice:
    """The notice that two servers have the same notebook: the servers at `found.source` and at `found.other_source`.

    `known` are all notebooks in the outbox.
    """
    assert found.other_source is not None, "only one server was found"
    name = display_name(known_notebook(found), known)
    return Notice("served_twice", name=name, address=format_address(found.source), other=format_address(found.other_source))


LOOKING_KINDS = frozenset({"server_silent", "server_port_closed", "server_unreachable", "server_answers_only_discovery"})
"""The kinds of the notices that the server does not answer the client's requests, so that the client looks for it."""


def unreachable_notice(address: Address, error: SendError) -> Notice:
    """The notice that datagrams do not reach `address`, with `error` as the reason.

    If `error` is ECONNREFUSED, the notice says that no program receives datagrams there.
    """
    if error.number == errno.ECONNREFUSED:
        return Notice("server_port_closed", address=format_address(address))
    return Notice("server_unreachable", address=format_address(address), reason=os.strerror(error.number))


def _failure_of(
    destination: Destination, found: list[Answer], ports: Sequence[int], known: Iterable[KnownNotebook]
) -> UdpnoteError:
    """The error to raise if no answer in `found` is from a notebook that `destination` names.

    `ports` are the UDP ports at which discovery has asked. `known` are all notebooks in the outbox.
    """
    host = destination.host
    ports = ports if host is None else (destination.port or PORT,)
    if destination.key_id is not None:
        return ServerNotFound("key_not_found", host=host, ports=ports, found=_sorted(found))
    if found and host is not None:
        return WrongNotebook("wrong_notebook", name_or_id=destination.name_or_id, found=_sorted(found))
    if found:
        return ServerNotFound("name_or_id_not_found", name_or_id=destination.name_or_id, found=_sorted(found))
    if host is not None:
        return ServerNotFound("no_answer_at_server", host=host, port=ports[0])
    return ServerNotFound("no_answer_on_lan", ports=ports, known=[*known] if destination.name_or_id is None else [])


def _may_name(destination: Destination, impersonated: KnownNotebook, claimed: KnownNotebook) -> bool:
    """Whether `destination` may name the sealed notebook `impersonated`, which an impostor claims to have.

    `claimed` is the notebook as the impostor's answer describes it: without a key or with another one, and perhaps with another
    name or id. True if the key in `destination` fits one of the two, and the name or id in `destination` fits one of them. A
    field of `destination` that is None fits every notebook.
    """
    by_key, by_name = destination._replace(name_or_id=None), Destination(name_or_id=destination.name_or_id)
    has_key = matches(by_key, claimed) or matches(by_key, impersonated)
    return has_key and (matches(by_name, claimed) or matches(by_name, impersonated))


def _sorted(found: Iterable[Answer]) -> list[KnownNotebook]:
    """The notebooks of the answers `found`, sorted by name."""
    return sorted(map(known_notebook, found), key=lambda notebook: (notebook.name, notebook.notebook_id))
