"""The sentences of `udpnote find`, `use`, `status`, `doctor` and `outbox`: which notebooks there are, and what waits."""

from collections.abc import Sequence

from udpnote.model.notebook import KnownNotebook
from udpnote.text.joining import all_of, in_sentences
from udpnote.text.language import gettext as _
from udpnote.text.language import marked, ngettext
from udpnote.text.messages.client import port_numbers
from udpnote.text.messages.forms import Counted, Sentence

_REFUSALS = {
    "TOO_LARGE": marked("refused: too large"),
    "REFUSED": marked("refused"),
    "OLDER_COPY": marked("refused: notebook restored"),
    "ERASED": marked("refused: erased"),
}
"""The states of refused entries in the outbox. The keys are names of members of `model.entry.Status`."""


def _notebook_chosen(notebook: KnownNotebook, is_preceded: bool) -> str:
    """`is_preceded` says that a setting takes precedence over the choice, so that entries may go to another notebook."""
    is_open = notebook.key_id is None
    if is_preceded and is_open:
        sentence = _("chosen: {name}, which is not sealed  (id {notebook_id}, last seen at {host} port {port})")
    elif is_preceded:
        sentence = _("chosen: {name}, which is sealed  (id {notebook_id}, last seen at {host} port {port})")
    elif is_open:
        sentence = _("entries go to {name}, which is not sealed  (id {notebook_id}, last seen at {host} port {port})")
    else:
        sentence = _("entries go to {name}, which is sealed  (id {notebook_id}, last seen at {host} port {port})")
    return sentence.format(name=notebook.name, notebook_id=notebook.notebook_id.hex(), host=notebook.host, port=notebook.port)


def _no_notebook_found(seconds: float, ports: Sequence[int]) -> str:
    tried = _("Tried UDP {ports}:").format(ports=port_numbers(ports))
    if seconds == 1:
        return in_sentences(_("no notebook answered within 1 second"), tried)
    return in_sentences(_("no notebook answered within {seconds:g} seconds").format(seconds=seconds), tried)


def _common_causes(ports: Sequence[int]) -> str:
    causes = (
        _("no server is running: start one with `udpnote serve` on any machine of this LAN"),
        _("a firewall on the server's host drops UDP {ports}, or one on this machine drops the answers"),
        _("the server is on another subnet or VLAN, or the Wi-Fi keeps its clients apart: try --server HOST"),
        _("the server listens on another port: try --port PORT"),
        _("the notebook is sealed: it answers only machines that have joined it (`udpnote join`)"),
    )
    lines = [_("Common causes:"), *(f"  - {each.format(ports=port_numbers(ports))}" for each in causes)]
    return "\n".join([*lines, _("`udpnote doctor` looks for the cause")])


def _notebook_named_by(places: Sequence[str]) -> str:
    return _("named by {places}").format(places=all_of(places))


def _hosted_notebook(name: str, notebook_id: str, entries: int, is_sealed: bool, has_key_file: bool, is_in_use: bool) -> str:
    if not is_sealed:
        start = ngettext("{name}, not sealed, {entries:,} entry", "{name}, not sealed, {entries:,} entries", entries)
    elif has_key_file:
        start = ngettext("{name}, sealed, {entries:,} entry", "{name}, sealed, {entries:,} entries", entries)
    else:
        start = ngettext(
            "{name}, sealed, and its key file is not there, {entries:,} entry",
            "{name}, sealed, and its key file is not there, {entries:,} entries",
            entries,
        )
    if is_in_use:
        sentence = _("{notebook}; a server or another command uses its file  (id {notebook_id})")
    else:
        sentence = _("{notebook}; no server uses its file  (id {notebook_id})")
    notebook = start.format(name=name or _("a notebook without a name"), entries=entries)
    return sentence.format(notebook=notebook, notebook_id=notebook_id)


def _entries_removed(entries: int) -> str:
    if entries == 0:
        return _("nothing was removed: the outbox has no such entry")
    return ngettext("{entries:,} entry removed", "{entries:,} entries removed", entries).format(entries=entries)


def _latest_waiting(waiting: int, refused: int, latest: int) -> str:
    what = ngettext("{count:,} entry waits", "{count:,} entries wait", waiting).format(count=waiting)
    if refused:
        refusals = ngettext("{count:,} was refused", "{count:,} were refused", refused).format(count=refused)
        what = _("{items}, {item}").format(items=what, item=refusals)
    return _("{what}: these are the latest {latest:,}, and `udpnote outbox --all` shows all").format(what=what, latest=latest)


def _state_refused(status: str) -> str:
    return _(_REFUSALS.get(status, "refused"))


def _troubles_found(troubles: int) -> str:
    if not troubles:
        return _("no trouble found")
    return ngettext("{count:,} trouble found", "{count:,} troubles found", troubles).format(count=troubles)


SENTENCES: dict[str, Sentence] = {
    # find, use
    "no_notebook_found": _no_notebook_found,
    "probe_not_sent": "could not be sent: {problem}",
    "probe_unanswered": "sent, no answer",
    "no_interface": "This machine has no usable network interface. `ip address` shows which it has",
    "common_causes": _common_causes,
    "no_notebook_chosen": (
        "no notebook is chosen yet: choose one with `udpnote use NAME`, or send an entry while only one notebook answers"
    ),
    "notebook_chosen": _notebook_chosen,
    "running_commands_stay": (
        "commands that are already running, such as `udpnote write`, go on with the notebook that they use"
    ),
    # status
    "notebook_and_id": "{name} ({id})",
    "notebook_not_known": "not known: {problem}",
    "notebook_named_by": _notebook_named_by,
    "named_in_settings_file": "`{setting}` in the settings file",
    "notebook_is_choice": "chosen before; `udpnote use NAME` chooses another one",
    "notebook_is_only_one": "none is named or chosen, and only this one answers",
    "notebook_is_not_named": "none is named or chosen",
    "server_answers": Counted(
        "entries",
        "{place} answers after {milliseconds:.1f} ms, and has {entries:,} entry",
        "{place} answers after {milliseconds:.1f} ms, and has {entries:,} entries",
    ),
    "server_unheard": "no answer within {seconds:g} s",
    "server_unheard_since": "no answer within {seconds:g} s; last seen at {place}",
    "server_unusable": "cannot be used",
    "server_unusable_since": "cannot be used; last seen at {place}",
    "entries_waiting_for": Counted("entries", "{entries:,} entry for {place}", "{entries:,} entries for {place}"),
    "entries_waiting_for_any": Counted(
        "entries",
        "{entries:,} entry for a notebook that is not known yet",
        "{entries:,} entries for a notebook that is not known yet",
    ),
    "entries_refused_by": Counted("entries", "{entries:,} entry refused by {place}", "{entries:,} entries refused by {place}"),
    "notebook_not_there": (
        "there is no notebook at {path}. Run the command on the notebook's host, and give it the path that `udpnote serve` "
        "prints there, if that is another one"
    ),
    "no_hosted_notebook": "no notebook at {path}",
    "hosted_notebook": _hosted_notebook,
    # doctor
    "examining": "Examining this host and its LAN takes some seconds",
    "troubles_found": _troubles_found,
    # outbox
    "nothing_waits": "the outbox is empty",
    "entries_removed": _entries_removed,
    "notes_moved": Counted("notes", "{notes:,} note moved to {name}", "{notes:,} notes moved to {name}"),
    "notes_moved_unsent": Counted(
        "notes",
        "{notes:,} note moved to {name}: `udpnote outbox --send` sends what waits",
        "{notes:,} notes moved to {name}: `udpnote outbox --send` sends what waits",
    ),
    "nothing_to_move": "no entry waits for another notebook than {name}",
    "latest_waiting": _latest_waiting,
    "state_refused": _state_refused,
}
