"""Tells the program that has started the server, such as systemd, that the server is ready (sd_notify(3))."""

import socket
from collections.abc import Mapping
from contextlib import suppress

STATUS_BYTES_MAX = 2048
"""The most bytes of a status that are sent; systemd reads datagrams of at most 4,096 bytes."""


def report_ready(status: str, environ: Mapping[str, str]) -> None:
    """Tell the service manager that the server is ready, with `status`, one line for people.

    The environment variable NOTIFY_SOCKET names the manager's socket, a path or, after `@`, an abstract name. Without it, or if
    nobody receives there, nothing happens: the manager then takes the server for one that never got ready.
    """
    path = environ.get("NOTIFY_SOCKET", "")
    if path[:1] not in ("/", "@"):
        return
    shown = status.encode(errors="replace")[:STATUS_BYTES_MAX].decode(errors="ignore")
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(f"READY=1\nSTATUS={shown}".encode(), f"\0{path[1:]}" if path[0] == "@" else path)
