"""The sentences of a client: why an entry stays in the outbox, why a notebook was not found or is not trusted.

`argument` is what a person types in a command for the notebook `name` (see `model.notebook.name_or_id`).
"""

from collections.abc import Sequence

from udpnote.model.notebook import KnownNotebook, short_id
from udpnote.text.joining import in_sentences, listed
from udpnote.text.language import gettext as _
from udpnote.text.language import marked, ngettext
from udpnote.text.messages.forms import Counted, Sentence

LISTED_MAX = 8
"""The most notebooks that one message lists by name: a person would not compare more."""

_REFUSALS = {
    "TOO_LARGE": marked("it is longer than 1 MiB"),
    "REFUSED": marked("its text or author is invalid, or it revises an entry that the notebook does not have"),
    "OLDER_COPY": marked("it revises an entry that is gone, because the notebook was restored from an older copy"),
    "ERASED": marked("it was erased in the notebook"),
}
"""Why a notebook has refused an entry, as a clause. The keys are names of members of `model.entry.Status`."""


def _several_notebooks(found: Sequence[KnownNotebook]) -> str:
    return ngettext(
        "{count} notebook answered, and you have chosen none: {notebooks}. Choose one with `udpnote use {argument}`, or with "
        "`--notebook ID` for one command",
        "{count} notebooks answered, and you have chosen none: {notebooks}. Choose one with `udpnote use {argument}`, or with "
        "`--notebook ID` for one command",
        len(found),
    ).format(
        count=len(found),
        notebooks=_list(found),
        argument=_argument(found),
    )


def port_numbers(ports: Sequence[int]) -> str:
    """The consecutive UDP `ports` in words: `port 6683`, `ports 6683 to 6686`."""
    if len(ports) == 1:
        return _("port {port}").format(port=ports[0])
    return _("ports {first} to {last}").format(first=ports[0], last=ports[-1])


def _no_answer_on_lan(ports: Sequence[int], known: Sequence[KnownNotebook]) -> str:
    """`known` are the notebooks that the user has used before. It is empty if the user has named or chosen a notebook."""
    start = _("no server on this LAN answered at UDP {ports}").format(ports=port_numbers(ports))
    if known:
        end = _("You have used {notebooks} before, and chosen none: `udpnote use {argument}` chooses one")
        return in_sentences(start, end.format(notebooks=_list(known), argument=_argument(known)))
    end = _("Check that `udpnote serve` runs on the notebook's host. A sealed notebook answers only after `udpnote join`")
    return in_sentences(start, end)


def _argument(found: Sequence[KnownNotebook]) -> str:
    """The placeholder in a command that chooses one of `found`: `NAME`, or `ID` if several of them have the same name."""
    return "NAME" if len({notebook.name for notebook in found}) == len(found) else "ID"


def _key_not_found(host: str | None, ports: Sequence[int], found: Sequence[KnownNotebook]) -> str:
    """`host` is the server that the user has named, or None if the whole LAN was asked. `found` are the notebooks there."""
    if host is not None:
        place = _("{host} {ports}").format(host=host, ports=port_numbers(ports))
    else:
        place = _("UDP {ports} of this LAN").format(ports=port_numbers(ports))
    if found:
        what = _("no notebook with this key answered at {place}, only {notebooks}").format(place=place, notebooks=_list(found))
    else:
        what = _("no notebook with this key answered at {place}").format(place=place)
    check = _("On the notebook's host, check that its server runs, and that `udpnote key show` prints this join code")
    return in_sentences(what, check)


def _wrong_notebook(name_or_id: str, found: Sequence[KnownNotebook]) -> str:
    return _(
        "the server that you named has {notebooks}, not {name_or_id}. Check the names of the server and of the notebook. If "
        "that host serves several notebooks, name the port as well: HOST:PORT"
    ).format(notebooks=_list(found), name_or_id=name_or_id)


def _name_or_id_not_found(name_or_id: str, found: Sequence[KnownNotebook]) -> str:
    sentence = _("no notebook {name_or_id!r} answered, only {notebooks}: check the name or the id")
    return sentence.format(name_or_id=name_or_id, notebooks=_list(found))


def _setting_precedes_choice(name: str, setting: str, place: str, is_variable: bool) -> str:
    """`place` is an environment variable if `is_variable` is true, else the path of the settings file, which has `setting`."""
    if is_variable:
        sentence = _("{name} is chosen, but {place} decides where entries go. To use the choice, `unset {place}`")
    else:
        sentence = _(
            "{name} is chosen, but `{setting}` in {place} decides where entries go. To use the choice, remove that line"
        )
    return sentence.format(name=name, setting=setting, place=place)


def _other_notebook_at_server(server: str, name: str, last: str, address: str | None) -> str:
    """`name` is the notebook that `server` has, `last` the one that it had before. `address` is where `last` was seen last, or
    None if that is the address of `server`.
    """
    if address is None:
        sentence = _(
            "{server} now has the notebook {name}, and had {last} before. If you mean {last}: `udpnote find` lists it if it is "
            "served elsewhere"
        )
    else:
        sentence = _(
            "{server} now has the notebook {name}, and had {last} before. If you mean {last}, name the server where it was "
            "last seen: `--server {address}`"
        )
    return sentence.format(server=server, name=name, last=last, address=address)


def _several_origins(places: Sequence[str]) -> str:
    from shlex import quote  # here, because it is slow to import

    return _("entries wait for several destinations: {places}. Choose one of them with `--from`").format(
        places=listed(map(quote, places))
    )


def _entry_erased(number: int) -> str:
    if number:
        return _(
            "your change was not made: #{number} was erased on the notebook's host. The change stays in the outbox as "
            "refused, and is not sent again. `udpnote outbox --discard-refused` removes it"
        ).format(number=number)
    return _(
        "this entry was not stored again: it was stored before, and then erased on the notebook's host. The entry stays in "
        "the outbox as refused, and is not sent again. `udpnote outbox --discard-refused` removes it"
    )


def _entry_refused(status: str) -> str:
    return _(
        "the notebook refused the entry: {reason}. The entry stays in the outbox as refused, and is not sent again. "
        "`udpnote outbox --discard-refused` removes it"
    ).format(reason=_reason(status))


def _import_refused(number: int, status: str) -> str:
    sentence = _(
        "the notebook refused the entry #{number} of the file: {reason}. The entries after it were not imported. "
        "Correct the entry in the file, and import the file again"
    )
    return sentence.format(number=number, reason=_reason(status))


def _reason(status: str) -> str:
    return _(_REFUSALS[status]) if status in _REFUSALS else status.lower().replace("_", " ")


def _list(found: Sequence[KnownNotebook]) -> str:
    template = _("{name} ({id}, at {host})")
    if len({each.port for each in found}) > 1:
        template = _("{name} ({id}, at {host} port {port})")
    shown = [template.format(name=each.name, id=short_id(each), host=each.host, port=each.port) for each in found[:LISTED_MAX]]
    return listed(shown, more=max(len(found) - LISTED_MAX, 0))


SENTENCES: dict[str, Sentence] = {
    # Which notebook is meant
    "several_notebooks": _several_notebooks,
    "wrong_notebook": _wrong_notebook,
    "name_or_id_not_found": _name_or_id_not_found,
    "other_notebook_of_this_name": (
        "{name} ({old_id}), last seen at {host}, does not answer. Another notebook of that name does, and is chosen "
        "instead ({new_id})"
    ),
    "other_notebook_at_server": _other_notebook_at_server,
    "number_of_last_notebook": (
        "nothing was changed: the server that you named has the notebook {name} now, and had {last} before, so "
        "#{number} may be another note than you mean. Look at it with `udpnote show {number}`. If it is the right one, "
        "run this command again"
    ),
    "setting_precedes_choice": _setting_precedes_choice,
    "served_twice": (
        "two servers have the notebook {name}, one at {address} and one at {other}: one of them serves a copy. Each entry "
        "is stored by only one of the two. End the server that should not run"
    ),
    "own_notebook_not_found": (
        "your entries go to {name} ({own_id}), which does not answer. Another notebook answers with the same name or at "
        "the same address. `udpnote use {other_id}` chooses that one"
    ),
    "no_answer_at_server": (
        "no answer from {host} port {port}. Check that `udpnote serve` runs there, and that the firewall there lets UDP "
        "in. A sealed notebook answers only after `udpnote join`"
    ),
    "no_answer_on_lan": _no_answer_on_lan,
    "notebook_of_lost_host_sought": (
        "{failure}. udpnote now looks for the notebook of that server, {name}, at its last address and on this LAN"
    ),
    "number_of_unknown_notebook": (
        "your change of #{number} was not made, and is not saved for later: no server answered, and udpnote does not know "
        "which notebook you mean. Run the command again with `--notebook NAME` or `--server HOST`"
    ),
    # Keys
    "key_not_found": _key_not_found,
    "key_missing": (
        "{name} is sealed, and this machine does not have its key. Run `udpnote join CODE`. Or set UDPNOTE_KEY=CODE "
        "for one command. The notebook's owner gets CODE with `udpnote key show`. If the owner has unsealed the "
        "notebook, run `udpnote leave {argument_quoted}`"
    ),
    "key_changed": (
        "the key of {name} has changed. Join again with `udpnote join CODE`. The notebook's owner gets the new code with "
        "`udpnote key show`"
    ),
    "impostor": (
        "the server at {address} claims to be {name}, which is sealed, but does not have the key of {name}. The "
        "server may be an impostor, so nothing is sent there. If the owner has unsealed the notebook, run `udpnote "
        "leave {argument_quoted}`. If the owner has changed the key, run `udpnote join` with the new code"
    ),
    # What waits elsewhere
    "waits_elsewhere": Counted(
        "entries",
        "1 other entry waits in the outbox. `udpnote outbox` shows for which notebook or server, `udpnote outbox "
        "--send` sends it there, and `udpnote outbox --to {argument_quoted}` moves notes to {name}",
        "{entries:,} other entries wait in the outbox. `udpnote outbox` shows for which notebooks or servers, "
        "`udpnote outbox --send` sends them there, and `udpnote outbox --to {argument_quoted}` moves notes to {name}",
    ),
    "several_origins": _several_origins,
    "nothing_waits_there": "no entry waits for {origin!r}: `udpnote outbox` shows where entries wait, in the column FOR",
    "entries_for_sealed_notebook": (
        "nothing was moved: the entries for {origin} were written for a sealed notebook, but everybody on the LAN can read "
        "{name}. The entries still wait for {origin}. To move them anyway, add `--send-open`"
    ),
    # The outcome of an entry
    "not_waited": (
        "udpnote did not wait for an answer, so the entry may or may not be stored. It stays in the outbox until the next "
        "`udpnote send` or `udpnote outbox --send` gets the answer"
    ),
    "delivered_by_another_command": (
        "another udpnote command is sending this entry now. The entry stays in the outbox until the notebook has stored it"
    ),
    "entry_discarded": (
        "another command, `udpnote outbox --discard` or `udpnote undo`, has removed the entry from the outbox. If the entry "
        "was sent before, the notebook may have it: `udpnote list` shows that"
    ),
    "for_another_notebook": (
        "this entry is for another notebook than the one in use now. It stays in the outbox. `udpnote outbox` shows for "
        "which notebook it is, and `udpnote outbox --send` sends it"
    ),
    "notebook_disk_full": (
        "the notebook's host has no disk space left for the notebook. The entry stays in the outbox. When there is space, "
        "`udpnote outbox --send` sends the entry"
    ),
    "notebook_not_writable": (
        "the notebook's host cannot write the notebook, and the server there prints the reason. The entry stays in the "
        "outbox. When the fault is mended, `udpnote outbox --send` sends the entry"
    ),
    "no_such_entry": "there is no entry #{number} in the notebook: `udpnote list` shows the latest notes with their numbers",
    "no_entry_to_change": (
        "your change was not made: there is no entry #{number} in the notebook. The change stays in the outbox as refused, "
        "and is not sent again. `udpnote outbox --discard-refused` removes it"
    ),
    "note_erased": "#{number} was erased on the notebook's host, at {erased_at}: its text and its author are gone for good",
    "older_copy": (
        "your change was not made: the notebook was restored from an older copy, so #{number} may be another note now. "
        "The change stays in the outbox as refused, and is not sent again. Look at #{number} with `udpnote show "
        "{number}`, then edit or delete it again"
    ),
    "entry_erased": _entry_erased,
    "entry_refused": _entry_refused,
    "queued_entry_refused": (
        "entry {sequence} of the outbox is not sent again: {reason}. `udpnote outbox` shows this entry as refused, and "
        "`udpnote outbox --discard-refused` removes it"
    ),
    "identity_taken": (
        "entry {sequence} of your outbox is sent again under a new internal number, because another entry of the notebook "
        "already has the old one. Perhaps the outbox was copied or restored. Nothing is lost, and you need not do anything"
    ),
    # The server
    "server_silent": "the server does not answer: looking for it on the LAN",
    "server_port_closed": "the host of {address} says that no program receives there: still looking for the server",
    "server_unreachable": "this machine cannot reach {address} ({reason}): still looking for the server",
    "server_found_again": "the server answers again, at {address}",
    "server_answers_only_discovery": (
        "the server at {address} can be found, but does not answer requests. Perhaps the network loses long datagrams: "
        "`udpnote doctor` checks that. Still asking the server"
    ),
    "not_remembered": (
        "{error}. This command goes on, but later commands cannot use what it has learned, such as the server's address"
    ),
    "not_removed": (
        "{error}. But the notebook has stored what was sent: do not send it again, even if `udpnote outbox` still shows it"
    ),
    # Reading
    "answer_invalid": (
        "the server sent an invalid answer: check that it is a udpnote server, and that its udpnote is as new as this one"
    ),
    "notebook_not_readable": (
        "the notebook's host cannot read the notebook, perhaps because its disk fails. The server there prints the reason"
    ),
    "index_does_not_grow": (
        "the server answers, but its search index stays at {percent} %. Perhaps the disk there is full, or another program has "
        "locked the index. `udpnote list` works meanwhile"
    ),
    "followed_notebook_not_readable": (
        "the notebook's host cannot read the notebook, perhaps because its disk fails. The server there prints the reason. "
        "This command asks again every second"
    ),
    "query_too_long": "the query is too long for one request: use fewer or shorter words",
    "notebook_restored": (
        "the notebook was restored from an older copy. #{number} and later numbers may now belong to other entries than "
        "those shown before. The new entries follow"
    ),
    "query_refused": "the server cannot answer this query. Its udpnote may be older than this one: upgrade it there",
    "argument_out_of_range": "{name} must be from {least} to {most}, not {number}",
    "argument_not_unicode": "{name} is not Unicode: it has a lone surrogate, which no note has",
    "author_to_find_empty": "author is empty: name an author, or leave it out",
    "on_and_since_or_until": "`on` selects a whole span of time: use it without `since` and `until`",
    "on_is_a_moment": "`on`: {on!r} is a moment, not a day or another span of time: use `since` and `until`",
    "since_not_before_until": "`since`, {since!r}, is not earlier than `until`, {until!r}: no note can be between them",
    "time_filter_invalid": "{name}: {problem}",
    # Importing
    "import_into_served_file": ("a server uses {path}: import through the server, without --file, or stop the server first"),
    "import_refused": _import_refused,
    "notebook_not_writable_to_import": (
        "the notebook's host cannot write the notebook, and the server there prints the reason. To go on, import the same "
        "file again"
    ),
    "no_space_to_import": (
        "the notebook's host has no disk space left for the notebook: free some space there. To go on, import the same file "
        "again"
    ),
    # The use of the library
    "client_closed": "this client is closed: make another one",
    "reader_closed": "this `FileReader` is closed: make another one",
    "client_of_another_process": "`os.fork` has copied this client from another process: make clients only after the fork",
    "invalid_wait": "`wait` must be a number of seconds from 0 on, not {wait}",
}
