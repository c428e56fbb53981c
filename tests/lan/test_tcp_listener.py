"""The sockets at which the page listens."""

import asyncio
import socket
from contextlib import closing

from tests.support.errors import raises
from udpnote.errors import AddressUnavailable
from udpnote.lan.tcp_listener import listen_tcp


def test_the_page_does_not_listen_at_a_link_local_address_which_browsers_do_not_open() -> None:
    for address in ("fe80::1", "fe80::1%lo"):
        with raises(AddressUnavailable, "page_link_local", address=address):
            listen_tcp(address, 0)


def test_the_page_listens_only_at_own_addresses() -> None:
    for foreign in ("192.0.2.7", "2001:db8::1", "2001:db8::1%7"):
        with raises(AddressUnavailable, "not_an_own_address", host=foreign):
            listen_tcp(foreign, 0)


def test_an_answer_in_two_pieces_is_not_held_back_until_the_browser_has_confirmed_the_first() -> None:
    options: list[int] = []

    async def connect() -> None:
        [listener] = listen_tcp("127.0.0.1", 0)
        with closing(listener):
            served = asyncio.Event()

            def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                options.append(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
                writer.close()
                served.set()

            async with await asyncio.start_server(serve, sock=listener):
                _, writer = await asyncio.open_connection(*listener.getsockname())
                await served.wait()
                writer.close()

    asyncio.run(connect())
    assert options == [1]


def test_the_page_does_not_listen_at_an_address_of_several_hosts() -> None:
    for group in ("127.255.255.255", "255.255.255.255", "224.0.0.1", "ff02::1"):
        with raises(AddressUnavailable, "not_an_own_address", host=group):
            listen_tcp(group, 0)
