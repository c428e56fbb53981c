"""The page tells the person who runs it of trouble with the notebook's server, once for each kind."""

import pytest

from udpnote.errors import ClientClosed, InvalidQuery, KeyMissing, Notice, ServerNotFound, StorageError, UdpnoteError
from udpnote.page.server_watch import TroubleReport


def test_each_kind_of_trouble_is_reported_once_until_the_server_was_away() -> None:
    told: list[Notice] = []
    report = TroubleReport(told.append)
    first, second, damaged = (
        StorageError("database_busy", path="outbox"), StorageError("database_busy", path="other"),
        StorageError("database_damaged", path="outbox", problem=""),
    )  # fmt: skip
    for error in (first, second, damaged):
        report.report(error)
    assert told == [first.notice, damaged.notice]
    report.forget()
    report.record_told(damaged)
    for error in (second, damaged):
        report.report(error)
    assert told == [first.notice, damaged.notice, second.notice]


@pytest.mark.parametrize(
    "error",
    [
        ClientClosed("client_closed"),
        ServerNotFound("no_answer_on_lan", ports=(), known=()),
        KeyMissing("page_needs_code"),
        InvalidQuery("no_search_term", words="?"),
    ],
)
def test_an_error_that_browsers_understand_is_no_trouble(error: UdpnoteError) -> None:
    told: list[Notice] = []
    TroubleReport(told.append).report(error)
    assert told == []
