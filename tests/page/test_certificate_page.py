"""The page that offers the certificate: whole, for this host alone, and with the right steps for each system."""

import asyncio
import re
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from udpnote.page.access import AllowedHosts
from udpnote.page.certificate_page import SYSTEMS, CertificatePage
from udpnote.page.certificates import Authority, authority_in


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return authority_in(str(tmp_path / "authority.pem"), host="pc", names=["pc.local"], now=1_795_622_400_000_000)


class Browser:
    """Asks the page for what it offers."""

    def __init__(self, authority: Authority) -> None:
        hosts = AllowedHosts("pc", [], lambda: ["192.168.0.7", "fd12::7"])
        self._asgi = CertificatePage(authority, "<厨房>", 6680, hosts).asgi

    def get(self, path: str, **headers: str) -> httpx.Response:
        return asyncio.run(self._get(path, {name.replace("_", "-"): value for name, value in headers.items()}))

    async def _get(self, path: str, headers: dict[str, str]) -> httpx.Response:
        transport = httpx.ASGITransport(app=self._asgi)
        async with httpx.AsyncClient(transport=transport, base_url="http://192.168.0.7:6681") as client:
            return await client.get(path, headers=headers)


@pytest.fixture
def browser(authority: Authority) -> Browser:
    return Browser(authority)


def test_a_device_gets_the_certificate_whose_fingerprint_the_terminal_and_the_page_show(
    browser: Browser, authority: Authority
) -> None:
    answer = browser.get("/udpnote.crt")
    assert answer.headers["content-type"] == "application/x-x509-ca-cert"
    assert sha256(answer.content).hexdigest() == authority.fingerprint.replace(":", "").lower()
    assert authority.fingerprint in browser.get("/").text.replace("<br>", ":")


@pytest.mark.parametrize(("host", "page"), [("pc.local:6681", "pc.local"), ("[fd12::7]:6681", "[fd12::7]")])
def test_the_page_links_to_the_notebook_under_the_host_name_of_the_request(browser: Browser, host: str, page: str) -> None:
    assert f'href="https://{page}:6680/"' in browser.get("/", host=host).text


def test_the_page_serves_the_files_that_it_needs_and_no_others(browser: Browser) -> None:
    files = re.findall(r'"(/static/.*?)"', browser.get("/").text)
    assert [browser.get(path).status_code for path in [*files, "/static/page.js"]] == [200, 200, 404]


def test_nothing_is_offered_under_a_name_of_another_host(browser: Browser) -> None:
    assert [browser.get(path, host="example.org").status_code for path in ("/", "/udpnote.crt")] == [421, 421]


@pytest.mark.parametrize("language", ["en", "zh-CN", "zh-TW"])
@pytest.mark.parametrize(
    ("agent", "shown"),
    [
        ("Mozilla/5.0 (Linux; Android 15; Pixel 9) Chrome/140", "Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)", "iPhone, iPad"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64)", "Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)", "macOS"),
        ("Mozilla/5.0 (X11; Linux x86_64)", "Linux (Chrome, Chromium)"),
        ("curl", ""),
    ],
)
def test_the_steps_of_the_system_that_asks_are_open(browser: Browser, language: str, agent: str, shown: str) -> None:
    html = browser.get("/", user_agent=agent, accept_language=language).text
    assert [name for name, *_ in SYSTEMS if f"<details open><summary>{name}" in html] == ([shown] if shown else [])
    assert f'<html lang="{language}">' in html
    assert "{" not in html
    assert "&lt;厨房&gt;" in html
