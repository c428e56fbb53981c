"""A stream that began before the page knew that its notebook is sealed."""

import threading

import httpx

from tests.support.page_site import Site
from tests.support.processes import eventually


def test_a_stream_without_a_session_ends_when_this_machine_gets_the_key_of_the_sealed_notebook(site: Site) -> None:
    site.start(sealed=True)
    lines: list[str] = []

    def read() -> None:
        with httpx.stream("GET", f"{site.address}/api/events", timeout=30) as stream:
            for line in stream.iter_lines():
                lines.append(line)  # noqa: PERF402 (the test looks at them meanwhile)

    reading = threading.Thread(target=read, daemon=True)
    reading.start()
    eventually(lambda: "event: away" in lines)
    code = site.server.join_code
    assert code is not None
    site.join(code)
    site.send("secret")
    eventually(lambda: not reading.is_alive(), "the stream ends")
    assert "event: session_ended" in lines
    assert not [line for line in lines if "secret" in line]
