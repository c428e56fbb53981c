"""Decides in which notebook a note is revised or deleted. The same number belongs to different notes in different notebooks."""

from contextlib import suppress

from udpnote.client.notebook_finder import LOCATE_SECONDS_MIN
from udpnote.client.session import Driver
from udpnote.errors import ServerNotFound, UdpnoteError, WrongNotebook


def decide_notebook(driver: Driver, number: int, *, wait_seconds: float, is_seen: bool) -> None:
    """Decide in which notebook the note `number` is to be revised or deleted. If that is not known, a discovery asks.

    The discovery lasts up to `wait_seconds`, but at least `LOCATE_SECONDS_MIN`. Raises `ServerNotFound` or `SeveralNotebooks`
    if the user has named no notebook, and none or several answer. If a named server does not answer, this raises nothing,
    because the change can wait for it. `is_seen` says whether the caller has read the note: then the notebook can tell whether
    it has the same one. If `is_seen` is False, this also raises `WrongNotebook`, as `check_notebook_is_same` does. The caller
    must hold the lock of the connection.
    """
    finder, seconds = driver.finder, max(wait_seconds, LOCATE_SECONDS_MIN)
    if not finder.is_notebook_decided:
        try:
            driver.locate(seconds)
        except ServerNotFound:
            raise ServerNotFound("number_of_unknown_notebook", number=number) from None
    elif finder.server.lookup is not None and finder.recent_failure() is None:
        with suppress(UdpnoteError):
            driver.locate(seconds)
    if not is_seen:
        check_notebook_is_same(driver, number)


def check_notebook_is_same(driver: Driver, number: int) -> None:
    """Raise `WrongNotebook` if another notebook than before has answered this client at the named server.

    The user may know the note `number` from the notebook that was there before.
    """
    replaced = driver.finder.server.replaced
    if replaced is not None:
        name, last = replaced.values["name"], replaced.values["last"]
        raise WrongNotebook("number_of_last_notebook", number=number, name=name, last=last)
