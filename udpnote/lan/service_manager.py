"""Tells the service manager that started the server, such as systemd, that the server is ready (sd_notify(3))."""

import socket
from collections.abc import Mapping
from contextlib import suppress

STATUS_BYTES_MAX = 2048
"""The longest status that is sent, in bytes. systemd reads datagrams of at most 4,096 bytes."""


def report_ready(status: str, environ: Mapping[str, str]) -> None:
    """Tell the service manager that the server is ready. `status` is one line for people.

    In the environment `environ`, the variable NOTIFY_SOCKET names the manager's socket: a path or, after `@`, an abstract name.
    If the variable is not set, nothing is sent. If nobody receives at the socket, nothing happens either, and the manager
    believes that the server never became ready.
    """
    path = environ.get("NOTIFY_SOCKET", "")
    if path[:1] not in ("/", "@"):
        return
    shown = status.encode(errors="replace")[:STATUS_BYTES_MAX].decode(errors="ignore")
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(f"READY=1\nSTATUS={shown}".encode(), f"\0{path[1:]}" if path[0] == "@" else path)
