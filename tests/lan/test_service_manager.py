"""The datagram that the service manager gets, at a socket as systemd has one."""

import socket
from pathlib import Path

import pytest

from udpnote.lan.service_manager import STATUS_BYTES_MAX, report_ready


@pytest.mark.parametrize("is_abstract", [False, True])
def test_the_manager_gets_one_datagram_with_the_status_cut_to_whole_characters(tmp_path: Path, is_abstract: bool) -> None:
    name = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0{name}" if is_abstract else name)
        manager.settimeout(10)
        for status, shown in (("厨房 at 0.0.0.0:6683", "厨房 at 0.0.0.0:6683"), ("厨" * 1000, "厨" * (STATUS_BYTES_MAX // 3))):
            report_ready(status, {"NOTIFY_SOCKET": f"@{name}" if is_abstract else name})
            assert manager.recv(1 << 16).decode() == f"READY=1\nSTATUS={shown}"


def test_without_a_manager_nothing_happens(tmp_path: Path) -> None:
    for environ in ({}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": str(tmp_path / "gone")}, {"NOTIFY_SOCKET": "vsock:2:1"}):
        report_ready("厨房", environ)
