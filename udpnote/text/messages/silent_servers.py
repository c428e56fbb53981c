"""The sentences about a server that does not answer, or that this machine cannot reach: what that means for a note."""

from udpnote.model.notebook import KnownNotebook, SilentServer, short_id
from udpnote.text.joining import in_sentences
from udpnote.text.language import gettext as _
from udpnote.text.language import system_text
from udpnote.text.messages.forms import Sentence


def _no_answer_yet(server: SilentServer) -> str:
    if server.another is not None:
        start = _("no answer from {name} at {host} yet, so the entry may or may not be stored. It stays in the outbox").format(
            name=server.name, host=server.host
        )
        end = _(
            "Another notebook, {name} ({argument}), answers at {host}. `udpnote use {argument}` chooses it. `udpnote "
            "outbox --to {argument} --send` moves the waiting notes to it, and sends them"
        )
        return in_sentences(start, _with_notebook(end, server.another))
    if server.obstacle is not None:
        return _(
            "this machine cannot reach {name} at {host} ({obstacle}), so the entry was not sent now. It stays in the outbox, "
            "and is sent with the next entry or by `udpnote outbox --send`"
        ).format(name=server.name, host=server.host, obstacle=system_text(server.obstacle))
    start = _(
        "no answer from {name} at {host} yet, so the entry may or may not be stored. It stays in the outbox, and is sent "
        "again with the next entry or by `udpnote outbox --send`"
    ).format(name=server.name, host=server.host)
    return _with_key_hint(start, server)


def _no_answer_to_reading(server: SilentServer) -> str:
    if (cause := _known_cause(server)) is not None:
        return cause
    start = _(
        "no answer from {name} at {host}: check that `udpnote serve` runs there. On that host, `--file FILE` reads the "
        "notebook's file"
    ).format(name=server.name, host=server.host)
    return _with_key_hint(start, server)


def _no_answer_to_import(server: SilentServer) -> str:
    if (cause := _known_cause(server)) is not None:
        return cause
    return _(
        "no answer from {name} at {host}: check that `udpnote serve` runs there. To go on, import the same file again"
    ).format(name=server.name, host=server.host)


def _write_queued_in_silence(server: SilentServer) -> str:
    """The sentence at the prompt of `udpnote write`. The prompt sends the entry again by itself, so no command is named."""
    template = _("queued: the entry is delivered as soon as the server answers ({reason})")
    if server.obstacle is not None:
        reason = _("this machine cannot reach {name} at {host}: {obstacle}")
        reason = reason.format(name=server.name, host=server.host, obstacle=system_text(server.obstacle))
        return template.format(reason=reason)
    reason = _("no answer from {name} at {host}").format(name=server.name, host=server.host)
    return _with_key_hint(template.format(reason=reason), server)


def _known_cause(server: SilentServer) -> str | None:
    """The sentence if it is known why no answer came: another notebook answers, or nothing can be sent. None if not."""
    if server.another is not None:
        return _another_answers(server, server.another)
    return None if server.obstacle is None else _cannot_reach(server, server.obstacle)


def _cannot_reach(server: SilentServer, obstacle: str) -> str:
    sentence = _("this machine cannot reach {name} at {host} ({obstacle}): check its connection to the network")
    return sentence.format(name=server.name, host=server.host, obstacle=system_text(obstacle))


def _another_answers(server: SilentServer, another: KnownNotebook) -> str:
    """Two sentences. One says that `server` is silent, the other that the notebook `another` answers, and how to choose it."""
    start = _("no answer from {name} at {host}").format(name=server.name, host=server.host)
    end = _("Another notebook, {name} ({argument}), answers at {host}: `udpnote use {argument}` chooses it")
    return in_sentences(start, _with_notebook(end, another))


def _with_notebook(template: str, notebook: KnownNotebook) -> str:
    return template.format(name=notebook.name, host=notebook.host, argument=short_id(notebook))


def _with_key_hint(start: str, server: SilentServer) -> str:
    """Return `start`. If the notebook is sealed, add a sentence: the server may ignore the client for having an old key."""
    if not server.is_sealed:
        return start
    end = _("If the server runs, the key may have been changed: join with the code that `udpnote key show` prints there")
    return in_sentences(start, end)


SENTENCES: dict[str, Sentence] = {
    "no_answer_yet": _no_answer_yet,
    "no_answer_to_reading": _no_answer_to_reading,
    "no_answer_to_import": _no_answer_to_import,
    "another_notebook_answers": _no_answer_to_reading,
    "write_queued_in_silence": _write_queued_in_silence,
}
