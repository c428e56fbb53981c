"""The keys that a client has, and how it recognizes impostors: servers that claim to have a sealed notebook without its key.

`udpnote join` stores the key of a notebook in the outbox. A key may also be named for one command, for example in UDPNOTE_KEY;
then the command uses the notebook with this key. On the notebook's own host, its owner need not join: commands read the key
file beside the notebook that `udpnote serve` serves by default. If a known sealed notebook seems to be open, or sealed with
another key, the client does not trust the answer until the user confirms it with `leave` or `join`.

A server without the key of a sealed notebook counts as an impostor if it answers with the id of that notebook. An open server
also counts as an impostor if it has the name or the address of that notebook.
"""

import os
from collections.abc import Callable
from contextlib import closing
from typing import NamedTuple

from udpnote.errors import KeyMissing, StorageError
from udpnote.model.address import Address
from udpnote.model.notebook import KnownNotebook, SealedNotebook, display_name, name_or_id
from udpnote.protocol.discovery import DiscoveryAnswer, DiscoveryTarget
from udpnote.protocol.envelope import OPEN, Envelope
from udpnote.protocol.rediscovery import is_impostor_of
from udpnote.settings import Settings
from udpnote.storage.outbox.outbox import Outbox


class Keyring:
    """The keys that a client can use: the joined keys in `outbox`, and the key `named`, if the user names one for this command.

    A key has 16 bytes. `named_id` is the id of the named key, or None if no key is named. `own` is the key of this user's own
    notebook on this machine, or None if there is none; this key is used only if no key is named. `random_bytes` makes the salts
    of sealed datagrams. `is_joining` is True only for `Client.join`: then a server with the named key is always trusted (see
    `ImpostorDetector`).
    """

    def __init__(
        self,
        outbox: Outbox,
        named: bytes | None,
        *,
        random_bytes: Callable[[int], bytes],
        own: bytes | None = None,
        is_joining: bool = False,
    ) -> None:
        self._outbox = outbox
        self._random_bytes = random_bytes
        self._is_joining = is_joining
        self._own = own if named is None else None  # None also when it is among `_envelopes`
        self._envelopes: dict[bytes, Envelope] = {}
        """The envelopes that were made so far, by the ids of their keys."""
        self.named_id = self._add(named) if named is not None else None

    def can_open(self, notebook: KnownNotebook) -> bool:
        """Whether `notebook` is open, or its key is the named key, a joined key or the own key."""
        if notebook.key_id is None or notebook.key_id in self._envelopes or notebook.key_id in self._outbox.keys.by_id():
            return True
        self._add_own()
        return notebook.key_id in self._envelopes

    def envelope(self, notebook: KnownNotebook) -> Envelope:
        """The envelope of all datagrams to and from `notebook`.

        Raises `KeyMissing` if `can_open` is False for this notebook.
        """
        if notebook.key_id is None:
            return OPEN
        if not self.can_open(notebook):
            known = self._outbox.notebooks()
            raise KeyMissing("key_missing", name=display_name(notebook, known), argument=name_or_id(notebook, known))
        if notebook.key_id not in self._envelopes:
            self._add(self._outbox.keys.by_id()[notebook.key_id])
        return self._envelopes[notebook.key_id]

    def targets(self) -> list[DiscoveryTarget]:
        """What a discovery looks for: all open notebooks, and for each key all notebooks that are sealed with it.

        If a key is named, it is the only key. If none is named, the keys are all joined keys, and the own key. A discovery
        always looks for open notebooks too, because an open server may be an impostor, of which the client warns the user.
        """
        if self.named_id is not None:
            return [DiscoveryTarget(self._envelopes[self.named_id]), DiscoveryTarget(OPEN)]
        for key_id, key in self._outbox.keys.by_id().items():
            if key_id not in self._envelopes:
                self._add(key)
        self._add_own()
        return [DiscoveryTarget(OPEN), *map(DiscoveryTarget, self._envelopes.values())]

    def impostor_detector(self) -> "ImpostorDetector":
        """Make an `ImpostorDetector` for the notebooks and keys that are in the outbox now."""
        return ImpostorDetector(self._outbox.sealed(), set(self._outbox.keys.by_id()), self.named_id, self._is_joining)

    def _add_own(self) -> None:
        """Add the own key, unless there is none or it was added already."""
        if self._own is not None:
            self._add(self._own)
            self._own = None

    def _add(self, key: bytes) -> bytes:
        """Make an envelope for datagrams that are sealed with `key`, and keep it. Returns the id of the key."""
        from udpnote.protocol.sealed_envelope import client_envelope  # here, because an open notebook needs no cryptography

        envelope = client_envelope(key, self._random_bytes)
        self._envelopes[envelope.key_id] = envelope
        return envelope.key_id


class ImpostorDetector(NamedTuple):
    """Recognizes impostors by a copy of what was in the outbox at one moment, so that it need not read the outbox again.

    `sealed` are the notebooks that an impostor may claim to have, and `joined` the ids of the joined keys. For `named_id` and
    `is_joining` see `Keyring`.
    """

    sealed: list[SealedNotebook]
    joined: set[bytes]
    named_id: bytes | None
    is_joining: bool

    def impersonated(self, found: DiscoveryAnswer[Address], server: str | None = None) -> KnownNotebook | None:
        """The sealed notebook that the server of the answer `found` impersonates; None if the server is no impostor.

        A server claims to have a notebook by answering with the notebook's id or, if the answer is not sealed, with its name. A
        server with the named key can be an impostor only of a notebook that the client has joined with another key. While
        joining, it is never an impostor.

        `server` is the HOST:PORT that the user has named (None if no server is named). If a server is named, an open server is
        also an impostor in two cases, whatever the name of its notebook: it answers from the last known address of a sealed
        notebook, or the user named the same `server` when joining a sealed notebook.
        """
        has_named_key = found.key_id is not None and found.key_id == self.named_id
        if has_named_key and self.is_joining:
            return None
        for known, _ in self.sealed:
            if is_impostor_of(found, known) and (not has_named_key or known.key_id in self.joined):
                return known
        if server is None or found.key_id is not None:
            return None
        return next((each.notebook for each in self.sealed if each.is_at(server, *found.source[:2])), None)


def named_key_of(settings: Settings) -> bytes | None:
    """The key (16 bytes) that `settings` name, as a join code or by a file; None if they name no key.

    The file has a join code, or is a notebook's key file. Raises the errors of `read_code_file`.
    """
    if settings.key is not None or settings.key_file is None:
        return settings.key
    from udpnote.storage.key_file import read_code_file  # here, because most commands name no key

    return read_code_file(settings.key_file)


def own_key(settings: Settings, outbox: Outbox) -> bytes | None:
    """Return the key (16 bytes) in the key file beside the default notebook of `settings`.

    None if there is no key file, if it is damaged or this user cannot read it, or if the key is among the joined keys in
    `outbox`. If `outbox` knows the notebook, and does not have this key, this saves the key there. If the file of the outbox
    cannot be written, `outbox` keeps the key in memory. Raises `StorageError` if the outbox cannot be used.
    """
    if not os.path.exists(f"{settings.file}.key") and not os.path.islink(settings.file):
        return None  # most machines have no key file: this is all that a one-shot send does there
    from udpnote.storage.key_file import key_path, read_key_file

    try:
        keys = read_key_file(key_path(settings.file))
    except StorageError:
        return None  # `udpnote serve` and `udpnote key` say what is wrong with it
    if keys is None or keys.current in outbox.keys.by_id().values():
        return None
    _renew_own_key(settings.file, outbox, keys.current)
    return keys.current


def _renew_own_key(notebook_path: str, outbox: Outbox, key: bytes) -> None:
    """If `outbox` knows the sealed notebook in the file `notebook_path`, save in `outbox` that its key is now `key`."""
    from udpnote.protocol.sealed_envelope import key_id  # here, because this happens once for each new key
    from udpnote.storage.notebook.read_only import ReadOnlyNotebook

    try:
        with closing(ReadOnlyNotebook(notebook_path)) as notebook:
            notebook_id, is_sealed = notebook.notebook_id, notebook.is_sealed
    except StorageError:
        return  # the file is damaged or not there: the notebook is found by discovery, or not at all
    if is_sealed and outbox.notebook(notebook_id) is not None:
        outbox.keys.renew(notebook_id, key_id(key), key)
