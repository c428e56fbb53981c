"""Blocking calls of the page run in few threads."""

import asyncio

import pytest

from udpnote.page.responses import Refusal
from udpnote.page.worker_threads import WorkerThreads


def test_closed_worker_threads_refuse_a_call() -> None:
    async def call() -> int:
        return await threads.run(lambda: 1)

    threads = WorkerThreads(1, 0)
    assert asyncio.run(call()) == 1
    threads.close()
    with pytest.raises(Refusal):
        asyncio.run(call())
