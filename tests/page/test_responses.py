"""Long answers: those that browsers do not read take a bounded amount of memory."""

import asyncio

from starlette.types import Message, Scope

from udpnote.page.responses import UNSENT_BYTES_MAX, UNSENT_BYTES_PER_HOST_MAX, json_response

HALF_OF_A_HOST = "x" * (UNSENT_BYTES_PER_HOST_MAX // 2 - 2)  # two quotation marks are added
HOSTS_MAX = UNSENT_BYTES_MAX // UNSENT_BYTES_PER_HOST_MAX
"""How many hosts may have as many unread bytes as one host may have."""


def test_long_unread_answers_are_limited_by_host_and_in_all_until_they_are_read() -> None:
    async def run() -> None:
        reading = asyncio.Event()
        tasks = []

        async def status(host: str, value: object = HALF_OF_A_HOST) -> int:
            """The status of an answer to `host`. Nobody reads the body of the answer until `reading` is set."""
            messages: asyncio.Queue[Message] = asyncio.Queue()

            async def send(message: Message) -> None:
                messages.put_nowait(message)
                if message["type"] == "http.response.body":
                    await reading.wait()

            async def receive() -> Message:
                return {"type": "http.disconnect"}

            scope: Scope = {"type": "http", "method": "GET", "client": (host, 5000), "server": ("192.0.2.1", 6680)}
            tasks.append(asyncio.create_task(json_response(value)(scope, receive, send)))
            found: int = (await messages.get())["status"]
            return found

        assert [await status("192.0.2.2") for _ in range(3)] == [200, 200, 503]
        assert await status("192.0.2.2", "short") == 200
        two_each = [await status(f"192.0.2.{3 + number // 2}") for number in range(2 * HOSTS_MAX)]
        assert two_each == [200] * 2 * (HOSTS_MAX - 1) + [503] * 2
        reading.set()
        await asyncio.gather(*tasks)
        assert await status("192.0.2.2") == 200
        await asyncio.gather(*tasks)

    asyncio.run(run())
