"""The sentences of `udpnote page`: what the command prints, what it answers to browsers, and the page with the certificate.

Each text `certificate_steps_…` has one line for each step. The names of menus in it are those that the system itself shows.
"""

from udpnote.text.messages.forms import Sentence

SENTENCES: dict[str, Sentence] = {
    # The command
    "page_extra_missing": (
        "`udpnote page` needs packages that the other commands do not need, and they are not installed. To install them: "
        "`{python_quoted} -m pip install 'starlette>=1.0.1' uvicorn segno`"
    ),
    "page_port_taken": (
        "port {port} is taken ({address}), most likely by another page: end that one, or choose another port with --port "
        "(for `udpnote serve`: --page-port)"
    ),
    "page_link_local": (
        "cannot serve the page at {address}: browsers do not open a link-local address such as this one. Choose another "
        "address with --bind, or leave out --bind"
    ),
    "page_allowed_host_invalid": (
        "{option}: {name!r} is not the name or address of a host. Write only a name or address, such as "
        "notes.example.org, without `http://` and port"
    ),
    "page_ended": "the page has ended. Browsers keep what is not stored yet, and send it when the page is back",
    "page_killed": (
        "the signal {signal} has ended the page, so browsers cannot use the notebook. The server goes on: to have the page "
        "back, end the server and start it again. If nobody has sent the signal, this machine may have too little memory"
    ),
    "page_waits_for_notebook": "the page is ready, but its notebook is not: {reason}",
    "page_cannot_use_notebook": "browsers cannot use the notebook now: {reason}",
    "page_of_sealed_needs_https": (
        "the notebook is sealed, so other devices cannot use this page: they may give the join code only over HTTPS. Start the "
        "page with `udpnote page --https` or `udpnote serve --page-https`"
    ),
    "page_on_machine": "only browsers on this machine can open it",
    # Requests that are refused
    "page_host_refused": (
        "This page is not served under the name {host}. If the name is right, ask the person who runs the page to start it "
        "with `udpnote page --allow-host {host}`"
    ),
    "page_origin_refused": (
        "the request was refused, because it came from another page than this one. Open this page's own address, and try again"
    ),
    "page_not_there": "the page has nothing at this address",
    "page_method_refused": "the page does not take such a request at this address",
    "page_request_malformed": (
        "the page does not understand what the browser has sent, at `{field}`. Reload the page, which may be newer now"
    ),
    "page_request_invalid": "this is no valid HTTP request. Open the page's address in a browser",
    "page_head_too_long": (
        "the request's address and headers are longer than {bytes_max:,} bytes. Shorten the address, or open the page "
        "in another browser"
    ),
    "page_body_too_long": "the request is longer than {bytes_max:,} bytes. Write a shorter text, or several notes",
    "page_body_cut_off": "the request did not arrive whole. What is not stored yet waits in this browser, and is sent again",
    "page_too_many_requests": "too many requests came from this device: wait a moment",
    "page_too_many_streams": (
        "too many browsers have this page open. New notes of others appear here with a delay of up to 30 seconds"
    ),
    "page_busy": "the page has too much to do at the moment: try again in a few seconds",
    "page_index_being_built": (
        "the notebook's search index is being built: {percent} %. You can read and write notes meanwhile. Searches, tags and "
        "the calendar work as soon as the index is ready"
    ),
    "page_ends": "the page is shutting down. What is not stored yet waits in this browser",
    # What the notebook says, for people who cannot run commands
    "page_notebook_silent": (
        "the notebook's server does not answer. It may be off, or on another network. If the notebook was sealed meanwhile, "
        "it answers only after you give its join code"
    ),
    "page_server_silent": "the notebook's server does not answer. It may be off, or on another network",
    "page_notebook_unusable": "the page cannot use the notebook now. Ask the person who runs the page",
    "page_impostor": (
        "the notebook is sealed, but the server that answers now does not have its key. The server may be an impostor, "
        "so nothing is sent there. Ask the notebook's owner. If the owner has unsealed the notebook, choose \"Forget the "
        'join code" in the menu'
    ),
    "page_key_changed": "the notebook has a new key: ask its owner for the new join code",
    "page_disk_full": "the notebook's host has no disk space left. The note waits in this browser, and is sent again",
    "page_not_writable": "the notebook cannot be written now. The note waits in this browser, and is sent again",
    "page_older_copy": (
        "the change was not made: the notebook was restored from an older copy, so another note may have the number of yours "
        "now. Look at the notes, then change yours again"
    ),
    "page_entry_erased": "this was not stored: the notebook's owner has erased the note for good",
    "page_entry_refused": "the notebook does not take this note. Copy its text, and ask the notebook's owner for the reason",
    "page_author_missing": "the note has no author: enter your name",
    "page_clock_wrong": (
        "this was not stored, because the clock of this device showed an impossible date. Set the device's date and time, then "
        "do it again"
    ),
    "page_text_blank": "the note has no text: write something",
    "page_text_not_unicode": "the text has characters that are not Unicode: remove them",
    "page_only_words_left_out": "words to leave out are not enough: also write a word that the notes have",
    # Notes
    "page_note_not_there": "the notebook has no note #{number}",
    "page_note_deleted": "note #{number} was deleted",
    "page_no_verdict": "the notebook has not answered, so the note may or may not be stored yet. The note is sent again",
    "page_identity_taken": (
        "the note is sent again with a new internal number, and nothing is lost. The notebook has another note under the "
        "old number, perhaps because the browser's profile was copied"
    ),
    "page_other_notebook": (
        "this note was written for another notebook than the one that the page shows now. The note waits in this browser until "
        "the page shows that notebook again"
    ),
    # Sealed notebooks
    "page_speaks_https": "this page is served only over HTTPS. Type `https://` in front of the address, and open it again",
    "page_needs_code": "this notebook is sealed: give its join code",
    "page_code_needs_https": (
        "a sealed notebook opens only with its join code, and this page was opened over HTTP, where others on the LAN could "
        "read the code. Ask the person who runs the page to start it with `udpnote page --https`"
    ),
    "page_code_length_wrong": (
        "the join code has {symbols} instead of {symbols_expected} symbols: compare it with the one that the notebook's owner "
        "has given you"
    ),
    "page_code_symbol_invalid": (
        "the join code has an impossible symbol, {symbol!r} at place {place}: compare it with the one that the notebook's "
        "owner has given you"
    ),
    "page_code_mistyped": "the join code is mistyped: compare it with the one that the notebook's owner has given you",
    "page_code_of_other_notebook": (
        "this join code belongs to another notebook than the one that the page shows: ask its owner for the right code"
    ),
    "page_code_finds_nothing": (
        "no notebook with this join code answers. Check the code, and whether the notebook's server is running"
    ),
    "page_too_many_codes": "too many join codes were tried: wait a minute",
    # Certificates, for --https
    "authority_damaged": (
        "{path} is damaged, or is not a certificate authority of udpnote. Restore it from a backup. Or remove it, start "
        "again, and install the new certificate on each device"
    ),
    "authority_is_no_file": (
        "{path} should be the file of the page's certificate authority, but it is a folder, a pipe or a device. Move it away, "
        "and restore the file from a backup. Or start again without it, and install the new certificate on each device"
    ),
    "authority_expired": (
        "the certificate authority in {path} is no longer valid. Remove it, start again, and install the new certificate on "
        "each device"
    ),
    "names_not_covered": (
        "browsers show a warning at {names}: the page's certificate authority was made for other names. To avoid the warning, "
        "remove {path}, start again, and install the new certificate on each device"
    ),
    "names_without_dot": (
        "open the page at {other}. At {names} browsers show a warning, because the page's certificate covers no name without "
        "a dot"
    ),
    "addresses_not_private": (
        "browsers show a warning at {addresses}: the page's certificate is valid only at addresses of private networks. To "
        "open the page without the warning, give this host a name, and start the page with --allow-host and that name"
    ),
    "certificate_on_devices": (
        "install the certificate on each device first: open {address} there, and compare the fingerprint"
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
        "To remove the certificate later, open it at the same place, and remove it there"
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
        "On Linux and other systems, download the certificate, open Settings > Privacy & Security > View Certificates > "
        "Authorities, and import {file}\n"
        'After the import, a window asks whether to trust the certificate. "View" shows its SHA-256 fingerprint there. '
        'Compare it with the fingerprint in the terminal where `udpnote page --https` runs. Then choose "Trust this CA to '
        'identify websites"\n'
        "To remove the certificate later, delete it under View Certificates > Authorities"
    ),
}
