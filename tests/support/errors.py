"""Checks of errors by what they are, not by how their sentences are worded."""

from typing import TypeVar

import pytest

from udpnote.errors import UdpnoteError

Error = TypeVar("Error", bound=UdpnoteError)


def raises(error: type[Error], kind: str, **values: object) -> pytest.RaisesExc[Error]:
    """Expect an error of this class and kind, with at least these values."""

    def fits(raised: Error) -> bool:
        return raised.notice.kind == kind and values.items() <= raised.notice.values.items()

    return pytest.raises(error, check=fits)
