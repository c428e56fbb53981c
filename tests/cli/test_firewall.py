"""The profiles for firewalls, in the formats of ufw and firewalld, are installed and open the default ports."""

from configparser import ConfigParser
from importlib.resources import files
from xml.etree import ElementTree

from udpnote.settings import PORTS

FOLDER = files("udpnote.cli") / "firewall"


def test_the_profile_of_ufw_opens_the_default_ports() -> None:
    profile = ConfigParser(interpolation=None)
    profile.read_string((FOLDER / "udpnote").read_text())
    assert profile.sections() == ["udpnote"]
    assert set(profile["udpnote"]) == {"title", "description", "ports"}
    assert profile["udpnote"]["ports"] == f"{PORTS[0]}:{PORTS[-1]}/udp"


def test_the_service_of_firewalld_opens_the_default_ports() -> None:
    service = ElementTree.fromstring((FOLDER / "udpnote.xml").read_bytes())
    assert (service.tag, [each.tag for each in service]) == ("service", ["short", "description", "port"])
    assert service[2].attrib == {"protocol": "udp", "port": f"{PORTS[0]}-{PORTS[-1]}"}
