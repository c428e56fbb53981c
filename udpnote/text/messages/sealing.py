"""The sentences of sealed notebooks: `udpnote seal`, `unseal`, `key`, `join` and `leave`."""

from collections.abc import Sequence

from udpnote.errors import Notice
from udpnote.model.notebook import KnownNotebook
from udpnote.text.joining import in_sentences, listed
from udpnote.text.language import gettext as _
from udpnote.text.language import ngettext
from udpnote.text.messages.forms import Counted, Sentence


def _new_key_used(until: str | None, had_key_file: bool) -> str:
    return in_sentences(_("the server uses the new key now"), _end_of_old_key(until, had_key_file))


def _new_key_without_server(until: str | None, had_key_file: bool) -> str:
    return in_sentences(_("no server runs. When you start one, it uses the new key"), _end_of_old_key(until, had_key_file))


def _end_of_old_key(until: str | None, had_key_file: bool) -> str:
    """Return a sentence that says until when the old key is accepted. `until` is None if it is not accepted any more.

    `had_key_file` says that the notebook had its key file. Without it, nobody knows the old key.
    """
    if not had_key_file:
        return _("The key file was missing, so no earlier key is accepted any more")
    if until is None:
        return _("The old key is not accepted any more")
    return _("The old key is accepted until {until}").format(until=until)


def _joined(notebook: KnownNotebook) -> str:
    return _("joined {name}  (id {notebook_id}, at {host} port {port})").format(
        name=notebook.name, notebook_id=notebook.notebook_id.hex(), host=notebook.host, port=notebook.port
    )


def _not_joined(name_or_id: str, joined: Sequence[str | Notice]) -> str:
    sentence = _("you have not joined a notebook {name_or_id!r}. Joined: {joined}")
    return sentence.format(name_or_id=name_or_id, joined=listed(map(str, joined)) or _("none"))


def _entries_wait(entries: int, name: str) -> str:
    waiting = ngettext(
        "1 entry waits in the outbox for {name}, so you have not left {name}",
        "{count:,} entries wait in the outbox for {name}, so you have not left {name}",
        entries,
    ).format(count=entries, name=name)
    return in_sentences(
        waiting,
        _(
            "Send them with `udpnote outbox --send`, or discard each with `udpnote outbox --discard SEQUENCE`. To leave all "
            "the same, run this command again with --send-open: the entries may then be sent unencrypted"
        ),
    )


SENTENCES: dict[str, Sentence] = {
    "notebook_sealed": Counted(
        "entries",
        "{name} is sealed and keeps its {entries:,} entry. Now:",
        "{name} is sealed and keeps its {entries:,} entries. Now:",
    ),
    "sealed_then_serve": "  - start its server with `udpnote serve{options}`",
    "sealed_then_back_up": "  - run `udpnote backup --with-key FILE`: without the key file {path}, the server does not start",
    "sealed_then_join": "  - run `udpnote join CODE` on each machine that is to use it, with this code:",
    "notebook_unsealed": Counted(
        "entries",
        "{name} is not sealed any more, and keeps its {entries:,} entry; its keys are deleted. Now:",
        "{name} is not sealed any more, and keeps its {entries:,} entries; its keys are deleted. Now:",
    ),
    "unsealed_then_serve": (
        "  - start its server with `udpnote serve{options}`: everybody on the LAN can read it and write in it"
    ),
    "unsealed_then_leave": (
        "  - run `udpnote leave {name}` on each machine that has used it, this one too: until then that machine sends it "
        "nothing"
    ),
    "unsealed_then_leave_elsewhere": (
        "  - run `udpnote leave {name}` on each other machine that has used it: until then that machine sends it nothing"
    ),
    # keys
    "earlier_key_accepted": "an earlier key is accepted until {until}",
    "notebook_has_new_key": "{name} has a new key. Run `udpnote join CODE` on each machine that is to go on using it, with "
    "this code:",
    "new_key_used": _new_key_used,
    "new_key_without_server": _new_key_without_server,
    "new_key_unused": (
        "the new key is NOT in force yet. The server that has the notebook open has not read the new key within "
        "{seconds:.0f} seconds, and still accepts the old one. See what the server prints, or restart it"
    ),
    "earlier_key_dropped": Counted(
        "keys_max",
        "an earlier key, which was to be accepted until {until}, is no longer accepted, because only {keys_max} earlier key "
        "is kept. Machines that joined with that key get no answer any more, and must join again",
        "an earlier key, which was to be accepted until {until}, is no longer accepted, because only {keys_max} earlier keys "
        "are kept. Machines that joined with that key get no answer any more, and must join again",
    ),
    "earlier_key_shortened": (
        "an earlier key, which was to be accepted until {until}, is now accepted only until {end}. Machines that joined with "
        "that key must join again by then"
    ),
    "earlier_key_ended": (
        "an earlier key, which was to be accepted until {until}, is no longer accepted, either. Machines that joined with "
        "that key must join again"
    ),
    # clients
    "joined": _joined,
    "joined_then": (
        "entries go there from now on, encrypted. Commands that are already running go on with the notebook that they use"
    ),
    "entries_wait_for_it": Counted(
        "entries",
        "{entries:,} entry waits for this notebook: `udpnote outbox --send` sends it now",
        "{entries:,} entries wait for this notebook: `udpnote outbox --send` sends them now",
    ),
    "joined_with_old_key": (
        "this join code is for an earlier key of the notebook, which has a new key now. The notebook's owner gets the new "
        "code with `udpnote key show`"
    ),
    "joined_or_left_meanwhile": (
        "another command has joined or left {name} while this command used it: run this command again to go on"
    ),
    "entries_wait": _entries_wait,
    "several_joined": ("you have joined several notebooks called {name_or_id!r}: give the id of one. Joined: {joined}"),
    "not_joined": _not_joined,
    "left": "left {name} and deleted its key. From now on this machine may send entries to an open notebook with this name",
    "ask_for_join_code": "Join code (printed by `udpnote key show` on the notebook's host; not shown here): ",
}
