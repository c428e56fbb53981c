"""`udpnote status`: which notebook is meant and why, whether it answers, what waits, and the files and settings in use."""

import os
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from udpnote.cli import exit_codes
from udpnote.cli.command_line.declared_command import DeclaredCommands
from udpnote.cli.options.client_options import NO_OPTIONS, ClientOptions
from udpnote.cli.options.declared import Json, ReadingClient
from udpnote.cli.terminal.streams import fitted_to
from udpnote.cli.terminal.text import in_json, padded
from udpnote.client.finding.destination import destination_of, named_by, place_name
from udpnote.client.finding.notebook_finder import LOCATE_SECONDS_MIN
from udpnote.client.status import HostedNotebook, NotebookStatus, find_sources, hosted_notebook, source_of_place
from udpnote.errors import Notice, ServerNotFound, UdpnoteError
from udpnote.lan.udp_socket import format_host
from udpnote.model.language import ENGLISH
from udpnote.model.notebook import KnownNotebook, address_of, display_name
from udpnote.model.outbox_entries import WaitingCount
from udpnote.settings import DEFAULT, Settings, Source, find_places, load_settings
from udpnote.storage.outbox.outbox import Outbox
from udpnote.text.harmless import harmless
from udpnote.text.language import gettext as _
from udpnote.text.language import marked, speaking
from udpnote.text.messages.client import port_numbers

LABEL_CELLS = len("settings file")
SOURCE_CELLS = len("UDPNOTE_TEXT_FILE")

_MEANINGS = {
    "server": marked("found by discovery"),
    "port": marked("6683 to 6686"),
    "key": marked("the joined notebooks'"),
    "name": marked("the host's name"),
    "bind": marked("all addresses"),
    "sealed": marked("as the notebook is"),
    "notebook": marked("the chosen one"),
    "language": marked("the locale's"),
}
"""What a setting means if it is not set."""

_PATHS = ("outbox", "history", "file", "text_file", "key_file")
"""The settings that are paths of files, in the order in which they are printed."""

app = DeclaredCommands()


class _Client(NamedTuple):
    """What a client reports: the `status` of its notebook, what is `waiting` in the outbox, and the notebooks `known` to the
    outbox.

    `named` are the names of the settings that name the notebook, its server or its key. `failure` is why the client could not
    be opened or why its notebook does not answer, or None if the notebook answers.
    """

    status: NotebookStatus | None = None
    waiting: Sequence[WaitingCount] = ()
    known: Sequence[KnownNotebook] = ()
    named: Sequence[str] = ()
    failure: UdpnoteError | None = None


class _File(NamedTuple):
    """A file that udpnote uses, or would make: its label in the report, its path, and where the path comes from."""

    label: str
    path: str
    source: Source


@app.command()
def status(options: ReadingClient = NO_OPTIONS, as_json: Json = False) -> int:
    """Show which notebook commands use, and why, and whether it answers.

    It also shows what waits in the outbox, the notebook that this host has, and which files and settings are in force, each
    with the option, environment variable or file that it comes from. Nothing is created or chosen, and no key is shown.

    The exit code is that of a command that reads the notebook. 0: it answers. 69: it does not. 1: the outbox cannot be read, or
    no notebook can be used for another reason, such as a changed key.

    Examples:

        udpnote status

        udpnote status --notebook kitchen --json
    """
    flags = options.flags
    settings, sources = load_settings(flags), find_sources(flags, os.environ)
    files = list(_files(settings, sources))
    hosted, hosted_failure = _hosted(settings.file)
    client, waited_seconds = _ask(options, settings), max(settings.wait, LOCATE_SECONDS_MIN)
    if as_json:
        facts = _object(client, sources, waited_seconds) | {
            "this_host": _hosted_object(settings.file, hosted, hosted_failure),
            "files": {each.label.replace(" ", "_"): _file_object(each) for each in files},
            "settings": {name: {"value": value, **_source_object(sources[name])} for name, value in _values(settings).items()},
        }
        print(in_json(facts))
    else:
        for line in _lines(client, sources, waited_seconds):
            print(line)
        print(_row(_("this host"), _hosted_text(settings.file, hosted, hosted_failure)))
        print(f"\n{padded(_('FILE'), LABEL_CELLS)}  {padded(_('FROM'), SOURCE_CELLS)}  {_('PATH')}")
        for file in files:
            there = "" if os.path.lexists(file.path) else "  " + _("(not there)")
            label = file.label if file.label in _PATHS else _(file.label)  # a setting has one name in all languages
            print(_row(label, f"{padded(_origin(file.source), SOURCE_CELLS)}  {harmless(file.path)}{there}"))
        print(f"\n{padded(_('SETTING'), LABEL_CELLS)}  {padded(_('FROM'), SOURCE_CELLS)}  {_('VALUE')}")
        for name, value in _values(settings).items():
            print(_row(name, f"{padded(_origin(sources[name]), SOURCE_CELLS)}  {_shown(name, value)}"))
    return exit_codes.DONE if client.failure is None else exit_codes.exit_code_for(client.failure)


def _ask(options: ClientOptions, settings: Settings) -> _Client:
    """Open a client with `options`, and let it ask the server of its notebook for an answer. Return what the client reports.

    If there is no outbox, none is made. If the outbox cannot be read, or if the settings name a wrong key, nothing is sent, and
    the result has only the `failure`. The client's notices are printed.
    """
    # Without a file, a read-only outbox is empty and in memory. With `outbox=None`, the client opens the file, or makes it.
    empty = None if os.path.lexists(settings.outbox) else Outbox(settings.outbox, is_read_only=True)
    try:
        with options.client(outbox=empty) as client:
            destination = destination_of(settings, names_port=options.port is not None, key_id=client.named_key_id)
            found = client.status()
            return _Client(found, client.waiting_counts(), client.known(), list(named_by(settings, destination)), found.failure)
    except UdpnoteError as error:
        return _Client(failure=error)


def _hosted(path: str) -> tuple[HostedNotebook | None, UdpnoteError | None]:
    """Return two values: the notebook in the file `path`, and the error if it cannot be read.

    The notebook is None if there is no such file, or if it cannot be read. The error is None if nothing is wrong.
    """
    try:
        return hosted_notebook(path), None
    except UdpnoteError as error:
        return None, error


def _files(settings: Settings, sources: dict[str, Source]) -> Iterator[_File]:
    """Yield the files of this user: the settings file, and the files that the settings or their defaults name. They need not
    exist. `sources` says for each setting where its value comes from.
    """
    settings_file = find_places(os.environ).settings_file
    yield _File(marked("settings file"), settings_file, source_of_place(settings_file, os.environ))
    for name in _PATHS:
        path, source = getattr(settings, name), sources[name]
        if path is not None:
            yield _File(name, path, source_of_place(path, os.environ) if source == DEFAULT else source)


def _values(settings: Settings) -> dict[str, object]:
    """Return the values of all settings that are not paths, by their names. A setting that is not set is None. In place of the
    key stands `(not shown)`.
    """
    values = settings._asdict() | {"key": None if settings.key is None else "(not shown)"}
    return {name: value for name, value in values.items() if name not in _PATHS}


def _lines(client: _Client, sources: dict[str, Source], seconds_max: float) -> Iterator[str]:
    """Yield the lines about the client's notebook, its server and the outbox.

    `sources` says for each setting where its value comes from. `seconds_max` is how long the client waits for an answer at
    most. It waits less long if there is no time for another discovery.
    """
    status, known = client.status, client.known
    if status is None:
        assert client.failure is not None, "without a status there is an error"
        yield _row(_("notebook"), str(Notice("notebook_not_known", problem=client.failure)))
        return
    notebook = status.notebook
    if notebook is None:
        yield _row(_("notebook"), _("not known"))
    else:
        shown = _("{name}, {seal}  (id {notebook_id})").format(
            name=display_name(notebook, known), seal=_seal(status), notebook_id=notebook.notebook_id.hex()
        )
        yield _row(_("notebook"), shown)
    yield _row(_("because"), _reason(status, [sources[name] for name in client.named], client.named))
    if status.failure is None and notebook is not None and status.round_trip_seconds is not None:
        milliseconds = status.round_trip_seconds * 1000
        answer = Notice("server_answers", place=_place(notebook), milliseconds=milliseconds, entries=status.entries or 0)
        yield _row(_("server"), str(answer))
    else:
        seconds = min(round(status.waited_seconds, 1), seconds_max)
        is_silent = isinstance(status.failure, ServerNotFound) and seconds > 0
        yield _row(_("server"), str(_silence(notebook, seconds) if is_silent else _unusable(notebook)))
        yield _row("", str(status.failure))
    waiting = [_waiting_text(each, known) for each in client.waiting]
    yield _row(_("waiting"), waiting[0] if waiting else _("nothing"))
    yield from (_row("", text) for text in waiting[1:])


def _place(notebook: KnownNotebook) -> str:
    """The last known address of the server of `notebook`."""
    return _("{host} {port}").format(host=format_host(address_of(notebook)), port=port_numbers([notebook.port]))


def _silence(notebook: KnownNotebook | None, seconds: float) -> Notice:
    """Return the notice that says that no server has answered within `seconds`. If `notebook` is known, it also says where its
    server was last.
    """
    if notebook is None:
        return Notice("server_unheard", seconds=seconds)
    return Notice("server_unheard_since", seconds=seconds, place=_place(notebook))


def _unusable(notebook: KnownNotebook | None) -> Notice:
    """Return the notice that says that a server cannot be used. If `notebook` is known, it also says where its server was
    last.
    """
    return Notice("server_unusable") if notebook is None else Notice("server_unusable_since", place=_place(notebook))


def _row(label: str, text: str) -> str:
    """Return a line of the report: the `label` in its column, and the `text`, in which control characters are replaced. On a
    terminal that is too narrow, it becomes several lines.
    """
    row = f"{padded(label, LABEL_CELLS)}  {harmless(text)}".rstrip()
    return fitted_to(sys.stdout, row, label_cells=LABEL_CELLS + 2)


def _seal(status: NotebookStatus) -> str:
    """A text that says whether the notebook of `status` is sealed, and whether this machine has its key."""
    if status.notebook is None or status.notebook.key_id is None:
        return _("not sealed")
    return _("sealed, and its key is here") if status.has_key else _("sealed, and its key is not here")


def _reason(status: NotebookStatus, sources: Sequence[Source], named: Sequence[str]) -> str:
    """A text that says why the client uses the notebook of `status`.

    `named` are the settings that name the notebook, and `sources` say where each of them comes from.
    """
    if named:
        places = [
            str(Notice("named_in_settings_file", setting=name)) if source.kind == "settings file" else str(source.place)
            for name, source in zip(named, sources, strict=True)
        ]
        return str(Notice("notebook_named_by", places=places))
    if status.is_chosen:
        return str(Notice("notebook_is_choice"))
    return str(Notice("notebook_is_not_named") if status.notebook is None else Notice("notebook_is_only_one"))


def _waiting_text(waiting: WaitingCount, known: Sequence[KnownNotebook]) -> str:
    """A text that says how many entries are waiting or refused, and which notebook they are for (see `place_name`), if that is
    known.
    """
    if waiting.notebook_id is None and waiting.destination.names_nothing:
        return str(Notice("entries_waiting_for_any", entries=waiting.entries))
    kind = "entries_waiting_for" if waiting.refused is None else "entries_refused_by"
    return str(Notice(kind, entries=waiting.entries, place=place_name(waiting, known)))


def _hosted_text(path: str, hosted: HostedNotebook | None, failure: UdpnoteError | None) -> str:
    """A text about the notebook that this host has in the file `path`, or about the `failure` to read it."""
    if failure is not None:
        return str(failure)
    if hosted is None:
        return str(Notice("no_hosted_notebook", path=path))
    notice = Notice(
        "hosted_notebook",
        name=hosted.name,
        notebook_id=hosted.notebook_id,
        entries=hosted.entries,
        is_sealed=hosted.is_sealed,
        has_key_file=hosted.has_key_file,
        is_in_use=hosted.is_in_use,
    )
    return str(notice)


def _origin(source: Source) -> str:
    """Return the text for the column FROM, which says where a value comes from: the name of an option or variable, `settings
    file` or `default`.
    """
    if source.kind == "settings file":
        return _("settings file")
    return _("default") if source.place is None else source.place


def _shown(name: str, value: object) -> str:
    """The text for the column VALUE. `name` is the name of the setting. If `value` is None, the text says what that means."""
    if value is None:
        return _(_MEANINGS[name])
    if name == "key":
        return _("(not shown)")
    if isinstance(value, bool):
        return str(value).lower()
    return harmless(f"{value:g}" if isinstance(value, float) else str(value))


def _object(client: _Client, sources: dict[str, Source], waited_seconds: float) -> dict[str, object]:
    """The facts about the client's notebook, its server and the outbox, as an object for `--json`.

    `notebook` is the notebook's id. `named_by` has the settings that name the notebook. `problem` is None if the notebook
    answers.
    """
    from udpnote.cli.json_output import notebook_object  # here, because only JSON needs it

    status = client.status or NotebookStatus(None, False, False, None, None, client.failure)
    notebook, seconds = status.notebook, status.round_trip_seconds
    with speaking(ENGLISH):  # JSON is the same in every language
        places = [place_name(each, client.known) for each in client.waiting]
    unknown = {"name": None, "notebook": None, "address": None, "port": None, "sealed": None}
    return {
        **(unknown if notebook is None else notebook_object(notebook)),
        "has_key": None if notebook is None else status.has_key,
        "chosen_by": _chosen_by(status, client.named),
        "named_by": [{"setting": name, **_source_object(sources[name])} for name in client.named],
        "answers": client.failure is None,
        "waited_seconds": waited_seconds,
        "rtt_ms": None if seconds is None else round(seconds * 1000, 3),
        "entries": status.entries,
        "problem": _problem(client.failure),
        "waiting": [
            {
                "for": place,
                "notebook": None if each.notebook_id is None else each.notebook_id.hex(),
                "entries": each.entries,
                "refused": None if each.refused is None else each.refused.name.lower(),
            }
            for each, place in zip(client.waiting, places, strict=True)
        ],
    }


def _chosen_by(status: NotebookStatus, named: Sequence[str]) -> str | None:
    """Why the client uses the notebook of `status`, as a word for `--json`. `named` are the settings that name it.

    The word is `setting` if there are such settings, `choice` if the user has chosen the notebook, and `only_one` if no other
    notebook answers. None if no notebook is known.
    """
    if named:
        return "setting"
    if status.is_chosen:
        return "choice"
    return None if status.notebook is None else "only_one"


def _hosted_object(path: str, hosted: HostedNotebook | None, failure: UdpnoteError | None) -> dict[str, object] | None:
    """The notebook in the file `path` of this host, as an object for `--json`; None if there is no such file."""
    if hosted is None and failure is None:
        return None
    return {
        "name": None if hosted is None else hosted.name,
        "notebook": None if hosted is None else hosted.notebook_id,
        "sealed": None if hosted is None else hosted.is_sealed,
        "has_key": None if hosted is None else hosted.has_key_file,
        "entries": None if hosted is None else hosted.entries,
        "file": path,
        "in_use": None if hosted is None else hosted.is_in_use,
        "problem": _problem(failure),
    }


def _problem(failure: UdpnoteError | None) -> dict[str, str] | None:
    """The error `failure` as an object for `--json`: its `kind`, and its `message`. None if `failure` is None."""
    return None if failure is None else {"kind": failure.notice.kind, "message": str(failure)}


def _file_object(file: _File) -> dict[str, object]:
    """A file as an object for `--json`: its path, whether it exists, and where the path comes from."""
    return {"path": file.path, "exists": os.path.lexists(file.path), **_source_object(file.source)}


def _source_object(source: Source) -> dict[str, object]:
    """Where a value comes from, for `--json`: `source` is the kind of source. `place` is the option, variable or file, or None
    for the default.
    """
    return {"source": source.kind.replace(" ", "_"), "place": source.place}
