"""The sentences about the certificates of `udpnote page --https`."""

from collections.abc import Callable

SENTENCES: dict[str, str | Callable[..., str]] = {
    "authority_damaged": (
        "{path} is damaged, or no certificate authority of udpnote. Restore it from a backup; or remove it, start again, and "
        "install the new certificate on each device"
    ),
    "authority_expired": (
        "the certificate authority in {path} is no longer valid. Remove it, start again, and install the new certificate on "
        "each device"
    ),
    "names_not_covered": (
        "browsers will warn at {names}: the certificate authority was made without that. To make a new one, remove {path} and "
        "start again; then install the new certificate on each device"
    ),
    "names_without_dot": (
        "browsers will warn at {names}: the certificate authority may not vouch for a name without a dot, as it could for all "
        "names that end with it. Open the page at {other}"
    ),
    "addresses_not_private": (
        "browsers will warn at {addresses}: the certificate authority may vouch for addresses of private networks only. For "
        "another address give this host a name, and that with --allow-host"
    ),
}
