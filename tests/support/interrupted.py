"""Interrupts code between two of its steps, as Ctrl-C may."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def interrupted_after(steps: int) -> Iterator[None]:
    """Raise `KeyboardInterrupt` in the block when `steps` lines of Python have begun, in any module."""
    left = steps

    def trace(_frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal left
        left -= event == "line"
        if not left:
            sys.settrace(before)
            raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    gc.disable()  # an exception in a finalizer of other tests' objects would be ignored
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)
        gc.enable()
