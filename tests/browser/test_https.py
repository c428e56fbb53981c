"""The page over HTTPS, in a browser that trusts its certificate authority, and sites of a thief who has the authority's key."""

import re
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

from cryptography import x509

from tests.support.browser import CHROMIUM, SECONDS_MAX, Chromium, windowless
from tests.support.certificates import forged_certificate
from tests.support.page_site import ProcessSite
from tests.support.processes import script
from tests.support.requirements import unavailable
from tests.support.visitor import AT_A_PHONE, WITH_A_WORKER, Visitors
from udpnote.machine.clock import wall_microseconds
from udpnote.page.certificates import Authority, authority_in
from udpnote.page.https import AUTHORITY_FILE

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext


@contextmanager
def chromium_that_trusts(certificate: bytes, folder: Path, *, executable: str, beside: Chromium) -> Iterator[Chromium]:
    """A Chromium, started by its `executable`, whose user has installed the `certificate`."""
    if shutil.which("certutil") is None:
        unavailable("certutil is not installed (on Debian in libnss3-tools)")
    file, database = folder / "udpnote.crt", folder / ".pki" / "nssdb"
    file.write_bytes(certificate)
    database.mkdir(parents=True)
    for options in (("-N", "--empty-password"), ("-A", "-t", "C,,", "-n", "udpnote", "-i", str(file))):
        subprocess.run(["certutil", "-d", f"sql:{database}", *options], check=True, timeout=30)
    starter = script(folder / "chromium.sh", f'HOME={folder} exec {executable} "$@"')
    trusting = Chromium(executable=str(starter), beside=beside)
    try:
        yield trusting
    finally:
        trusting.close()


@contextmanager
def thief(folder: Path, pem: bytes) -> Iterator[int]:
    """Run a web server with the certificate, its key and the issuer's certificate in `pem`. Give the block its port."""
    file = folder / "thief.pem"
    file.write_bytes(pem)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(file)
    server = ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler)
    # A browser may open a connection that it does not use: only the thread of that connection waits for its handshake.
    server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # browsers refuse the certificate
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def outcome(profile: "BrowserContext", address: str) -> str:
    """The error with which the browser refuses `address`. It is empty if the browser opens the address."""
    from playwright.sync_api import Error

    page = profile.new_page()
    try:
        page.goto(address)
    except Error as error:
        return next(word for word in str(error).split() if word.startswith("net::"))
    finally:
        page.close()
    return ""


def test_a_thief_of_the_authoritys_key_can_pose_as_no_other_site(chromium: Chromium, tmp_path: Path) -> None:
    now = wall_microseconds()
    authority, other = (
        authority_in(str(tmp_path / name), host="pc", names=["localhost", "notes.test"], now=now) for name in ("own", "other")
    )
    with chromium_that_trusts(authority.pem, tmp_path, executable=windowless(), beside=chromium) as trusting:
        profile = trusting.profile()

        def outcome_with(key_of: Authority, *subjects: str, host: str) -> str:
            pem = forged_certificate(key_of, *map(x509.DNSName, subjects), now=now)
            with thief(tmp_path, pem) as port:
                return outcome(profile, f"https://{host}:{port}")

        assert outcome_with(authority, "notes.test", host="notes.test") == ""
        assert outcome_with(authority, "bank.test", host="bank.test") == "net::ERR_CERT_INVALID"
        assert outcome_with(authority, "notes.test", "bank.test", host="notes.test") == "net::ERR_CERT_INVALID"
        assert outcome_with(other, "notes.test", host="notes.test") == "net::ERR_CERT_AUTHORITY_INVALID"


def offered_by(site: ProcessSite) -> bytes:
    """The certificate that the page offers; its fingerprint must be the one in the terminal."""
    offered: bytes = urlopen(f"http://127.0.0.1:{site.page_port + 1}/udpnote.crt", timeout=SECONDS_MAX).read()
    shown = re.findall("(?:[0-9A-F]{2}:){15}[0-9A-F]{2}", site.page.errors)
    assert ":".join(shown) == sha256(offered).digest().hex(":").upper()
    return offered


def test_over_https_the_page_takes_a_join_code_and_can_be_installed_and_used_without_its_server(
    process_site: ProcessSite, chromium: Chromium, tmp_path: Path
) -> None:
    site, options = process_site, ("--https", "--allow-host", "notes.test")
    site.serve("--sealed")
    code = site.run("key", "show", "--file", str(site.notebook)).strip()
    site.run("join", code, "--server", f"127.0.0.1:{site.port}")
    site.start_page(*options)
    offered = offered_by(site)
    assert (site.folder / "home" / AUTHORITY_FILE).stat().st_mode & 0o777 == 0o600
    with chromium_that_trusts(offered, tmp_path, executable=CHROMIUM, beside=chromium) as trusting:
        visitors = Visitors(trusting)
        amy = visitors.visit(f"https://notes.test:{site.page_port}", **AT_A_PHONE, **WITH_A_WORKER)
        amy.give_code(code)
        amy.store("with the server")
        (cookie,) = amy.profile.cookies()
        assert (cookie["name"][:7], cookie["sameSite"]) == ("__Host-", "Strict")
        assert cookie["secure"] and cookie["httpOnly"]
        amy.wait_until("navigator.serviceWorker.controller !== null")
        devtools = amy.profile.new_cdp_session(amy.page)
        hindrances = [each["errorId"] for each in devtools.send("Page.getInstallabilityErrors")["installabilityErrors"]]
        assert hindrances == ["in-incognito"], "only the profile, which playwright made, keeps the page from being installed"
        site.page.kill()
        amy.reload()
        amy.write("without the server")
        amy.page.get_by_text("without the server").wait_for()
        site.start_page(*options)
        amy.give_code(code)
        amy.sees("with the server", "without the server")
        amy.sees_nothing_waiting()
        amy.faults.clear()  # what the browser says of requests without a session, or without an answer
        visitors.close()
    assert site.texts() == ["with the server", "without the server"]
