"""The sentences about the certificates of `udpnote page --https`: what the command says, and the page with the certificate.

The kinds `certificate_steps_…` have a line for each step. Names of menus are those of the systems, in their own language.
"""

from collections.abc import Callable

SENTENCES: dict[str, str | Callable[..., str]] = {
    "authority_damaged": (
        "{path} is damaged, or is not a certificate authority of udpnote. Restore it from a backup. Or remove it, start "
        "again, and install the new certificate on each device"
    ),
    "authority_expired": (
        "the certificate authority in {path} is no longer valid. Remove it, start again, and install the new certificate on "
        "each device"
    ),
    "names_not_covered": (
        "browsers show a warning at {names}: the certificate authority was made for other names. To make a new authority, "
        "remove {path} and start again. Then install the new certificate on each device"
    ),
    "names_without_dot": (
        "open the page at {other}, not at {names}: there browsers show a warning, because the page's certificate "
        "covers no name without a dot"
    ),
    "addresses_not_private": (
        "browsers show a warning at {addresses}: the certificate authority certifies only addresses of private networks. To "
        "use another address, give this host a name, and start the page with --allow-host and that name"
    ),
    "certificate_on_devices": (
        "each device needs the certificate once: open {address} there first, and compare the fingerprint"
    ),
    # The page with the certificate
    "certificate_page_title": "Certificate for the notebook",
    "certificate_page_purpose": (
        "With this certificate your device recognizes the page of {host}. Nobody on the network can then read or change "
        "what you send and receive. You can also install the page as an app, which opens without the network"
    ),
    "certificate_page_limits": (
        "The certificate is valid only for this host and for addresses of private networks. Even somebody who steals its "
        "key cannot use it to pose as any other web site"
    ),
    "certificate_page_compare": (
        "The terminal where `udpnote page --https` runs shows the true fingerprint. If your device shows another "
        "fingerprint for the certificate, remove the certificate: somebody on the network has replaced it. Do not trust "
        "the fingerprint on this page alone, because somebody could replace that, too"
    ),
    "certificate_steps_android": (
        "Download the certificate\n"
        'Open Settings, search for "CA certificate" and choose it. Often it is under Security & privacy > More security '
        "settings > Encryption & credentials > Install a certificate\n"
        'Choose "Install anyway", then the file {file} in your downloads\n'
        "Open the certificate under Encryption & credentials > Trusted credentials > User. Compare its SHA-256 fingerprint "
        "with the fingerprint in the terminal where `udpnote page --https` runs\n"
        "To remove the certificate later, open it at the same place"
    ),
    "certificate_steps_ios": (
        "Download the certificate in Safari, and allow the profile\n"
        'Open Settings > General > VPN & Device Management and choose the profile. "More Details" shows the SHA-256 '
        "fingerprint of the certificate. Compare it with the fingerprint in the terminal where `udpnote page --https` "
        "runs, and install the profile\n"
        "Open Settings > General > About > Certificate Trust Settings, and switch the certificate on\n"
        "To remove the certificate later, remove the profile under VPN & Device Management"
    ),
    "certificate_steps_windows": (
        "Download the certificate\n"
        "Open a command prompt and run `certutil -hashfile %USERPROFILE%\\Downloads\\{file} SHA256`. It prints the "
        "fingerprint of the certificate without colons\n"
        "Compare that with the fingerprint in the terminal where `udpnote page --https` runs\n"
        "Run `certutil -user -addstore Root %USERPROFILE%\\Downloads\\{file}` and confirm the question\n"
        "To remove the certificate later, run `certmgr.msc`, and delete it under Trusted Root Certification "
        "Authorities"
    ),
    "certificate_steps_macos": (
        "Download the certificate and open it: Keychain Access adds it to the login keychain\n"
        "Open the certificate there with a double click. Compare its SHA-256 fingerprint with the fingerprint in the "
        "terminal where `udpnote page --https` runs\n"
        'Under Trust choose "Always Trust"\n'
        "To remove the certificate later, delete it in Keychain Access"
    ),
    "certificate_steps_linux": (
        "Download the certificate, and run `sha256sum {file}` in the folder with your downloads. It prints the "
        "fingerprint of the certificate without colons\n"
        "Compare that with the fingerprint in the terminal where `udpnote page --https` runs\n"
        "Open `chrome://certificate-manager`, choose Local certificates > Installed by you, and import {file} under "
        "Trusted Certificates\n"
        "To remove the certificate later, delete it at the same place"
    ),
    "certificate_steps_firefox": (
        "On Android, Windows and macOS, install the certificate as described for that system. Firefox uses the "
        "certificates of the system\n"
        "Elsewhere download the certificate, open Settings > Privacy & Security > View Certificates > Authorities, and "
        "import {file}\n"
        'In the window that asks whether to trust the certificate, "View" shows its SHA-256 fingerprint. Compare it with '
        'the fingerprint in the terminal where `udpnote page --https` runs. Then choose "Trust this CA to identify '
        'websites"\n'
        "To remove the certificate later, delete it under View Certificates > Authorities"
    ),
}
