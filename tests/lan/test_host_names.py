"""Host names: what they stand for, and lookups that hold up nobody."""

import threading
from pathlib import Path

import pytest

from tests.support.errors import raises
from tests.support.killed import printed_by
from tests.support.requirements import needs_root
from udpnote.errors import AddressUnavailable, ServerNotFound
from udpnote.lan.host_names import HostLookup, own_address, resolve

LOOPBACK_INTERFACE = 1
"""The number of the interface `lo`: Linux makes it first."""

NO_HOSTS = ("no such host", "", "x" * 64 + ".example", "300.300.300.300.300")


def test_only_addresses_and_names_that_resolve_are_servers_or_own_addresses() -> None:
    for host in NO_HOSTS:
        with pytest.raises(ServerNotFound) as error:
            resolve(host, 6683)
        assert error.value.notice.values["host"] == host
        with raises(AddressUnavailable, "not_an_own_address", host=host):
            own_address(host, 6683)
    assert resolve("192.0.2.7", 6683) == [("192.0.2.7", 6683)]
    assert resolve("2001:db8::1", 6683) == [("2001:db8::1", 6683, 0, 0)]
    assert {address[0] for address in resolve("localhost", 6683)} <= {"127.0.0.1", "::1"}


@needs_root
def test_a_chinese_name_is_found_in_the_hosts_file_as_it_is_written_there_and_as_dns_has_it(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("192.0.2.7 服务器 服务器.lan\n192.0.2.8 xn--0zwm56d.lan\n")
    program = (
        "from udpnote.lan.host_names import resolve; "
        "print(*(resolve(host, 6683)[0][0] for host in ('服务器', '服务器.lan', '测试.lan')))"
    )
    under = ("unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', str(hosts))
    assert printed_by(program, under=under).split() == ["192.0.2.7", "192.0.2.7", "192.0.2.8"]


def test_an_address_of_several_hosts_is_not_an_own_address() -> None:
    for group in ("127.255.255.255", "255.255.255.255", "224.0.0.1", "0.0.0.1", "ff02::1", "ff12::756e:6f74:65"):
        with raises(AddressUnavailable, "not_an_own_address", host=group):
            own_address(group, 6683)
    for own in ("127.0.0.1", "0.0.0.0", "::1", "::", "192.0.2.7"):
        assert own_address(own, 6683)[0] == own


def test_a_link_local_address_is_an_own_address_only_with_its_interface() -> None:
    assert own_address("fe80::1%lo", 6683) == ("fe80::1", 6683, 0, LOOPBACK_INTERFACE)
    for host in ("fe80::1", "febf::1"):
        with raises(AddressUnavailable, "interface_missing", address=host):
            own_address(host, 6683)


def test_a_name_is_looked_up_in_a_thread_and_an_address_at_once() -> None:
    ended = threading.Event()
    for host, is_found in (("localhost", True), ("no such host", False)):
        lookup = HostLookup(host, 6683, ended.set)
        assert lookup.has_no_result
        for _ in range(2):
            ended.clear()
            lookup.begin()
            assert ended.wait(10.0)
        assert (lookup.is_running, bool(lookup.addresses), lookup.failure is None) == (False, is_found, is_found)
    ended.clear()
    for host, is_found in (("192.0.2.7", True), ("pi..lan", False)):
        lookup = HostLookup(host, 6683, ended.set)
        lookup.begin()
        assert (lookup.is_running, lookup.has_no_result, ended.is_set()) == (False, not is_found, False)


def test_without_a_thread_there_is_no_result_and_a_later_lookup_can_have_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    ended = threading.Event()
    lookup = HostLookup("localhost", 6683, ended.set)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        lookup.begin()
    assert (lookup.is_running, lookup.has_no_result, lookup.failure is None) == (False, True, False)
    lookup.begin()
    assert ended.wait(10.0)
    assert not lookup.has_no_result
