"""The sentences about the certificates of `udpnote page --https`: what the command says, and the page with the certificate.

The kinds `certificate_steps_…` have a line for each step. Names of menus are those of the systems, in their own language.
"""

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
    "certificate_on_devices": (
        "each device needs the certificate once: open {address} there first, and compare the fingerprint"
    ),
    # The page with the certificate
    "certificate_page_title": "Certificate for the notebook",
    "certificate_page_purpose": (
        "With this certificate your device knows the page of {host} when it sees it. Nobody on the network can then read "
        "along or change anything, and the page can be installed as an app that opens without the network"
    ),
    "certificate_page_limits": (
        "The certificate holds for this host and for addresses of private networks only. It cannot be used to pose as "
        "any other web site, even by somebody who steals its key"
    ),
    "certificate_page_compare": (
        "Where `udpnote page --https` runs, the terminal shows the true fingerprint. If the one that your device shows "
        "for the certificate differs, remove the certificate: somebody on the network has replaced it. Do not trust the "
        "fingerprint on this page alone, which could be replaced, too"
    ),
    "certificate_steps_android": (
        "Download the certificate\n"
        'Open Settings, search for "CA certificate" and choose it. Often it is under Security & privacy > More '
        "security settings > Encryption & credentials > Install a certificate\n"
        'Choose "Install anyway" and the file {file} in your downloads\n'
        "Under Encryption & credentials > Trusted credentials > User open the certificate, and compare its SHA-256 "
        "fingerprint with the one in the terminal of `udpnote page --https`. There you can also remove the certificate again"
    ),
    "certificate_steps_ios": (
        "Download the certificate in Safari, and allow the profile\n"
        'Open Settings > General > VPN & Device Management, choose the profile and install it. "More Details" shows '
        "the SHA-256 fingerprint: compare it with the one in the terminal of `udpnote page --https`. There you can also "
        "remove the certificate again\n"
        "Open Settings > General > About > Certificate Trust Settings, and switch the certificate on"
    ),
    "certificate_steps_windows": (
        "Download the certificate\n"
        "Open a command prompt, run `certutil -hashfile %USERPROFILE%\\Downloads\\{file} SHA256` and compare the result, "
        "which has no colons, with the fingerprint in the terminal of `udpnote page --https`\n"
        "Run `certutil -user -addstore Root %USERPROFILE%\\Downloads\\{file}` and confirm it\n"
        "To remove the certificate again, run `certmgr.msc`: it is under Trusted Root Certification Authorities"
    ),
    "certificate_steps_macos": (
        "Download the certificate and open it: Keychain Access adds it to the login keychain\n"
        "Open it there with a double click, and compare its SHA-256 fingerprint with the one in the terminal of "
        "`udpnote page --https`\n"
        'Under Trust choose "Always Trust". To remove the certificate again, delete it in Keychain Access'
    ),
    "certificate_steps_linux": (
        "Download the certificate, run `sha256sum {file}` and compare the result, which has no colons, with the fingerprint "
        "in the terminal of `udpnote page --https`\n"
        "Open `chrome://certificate-manager`, choose the certificates that you have installed, and import {file} under "
        "Trusted Certificates. There you can also remove it again"
    ),
    "certificate_steps_firefox": (
        "On Android, Windows and macOS, install it as described for the system: Firefox uses its certificates\n"
        "Elsewhere open Settings > Privacy & Security > View Certificates > Authorities, import {file}, and choose that "
        'it may identify websites. "View" shows the SHA-256 fingerprint: compare it with the one in the terminal of '
        "`udpnote page --https`. There you can also remove the certificate again"
    ),
}
