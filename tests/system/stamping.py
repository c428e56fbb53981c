"""A program that says when things happen: `write COUNT PAUSE_SECONDS`, or `follow`, to stand for the two ends of a notebook.

Each line of its output is a JSON object with an entry's number and times of the monotonic clock, which is the same in all
namespaces of a machine.
"""

import json
import subprocess
import sys
import time

from tests.system.lab import COMMAND
from udpnote.client.client import Client


def write(count: int, pause_seconds: float) -> None:
    """Send entries one by one, each so long after the acknowledgement of the one before it."""
    with Client(wait=60) as client:
        client.send("the first one finds the server")
        for number in range(count):
            time.sleep(pause_seconds)
            sent_at = time.monotonic()
            sent = client.send(f"第 {number} 条")
            _say(number=sent.number, sent_at=sent_at, acknowledged_at=time.monotonic())


def follow() -> None:
    """Follow by the command, for as long as it goes on."""
    with subprocess.Popen([COMMAND, "follow", "--json"], stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        for line in following.stdout:
            _say(printed_at=time.monotonic(), number=json.loads(line)["number"])


def _say(**values: float | None) -> None:
    print(json.dumps(values), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(int(sys.argv[2]), float(sys.argv[3]))
    else:
        follow()
