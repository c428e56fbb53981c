"""The sentences of `udpnote page`: what the command prints, and what it answers to browsers."""

from collections.abc import Callable

SENTENCES: dict[str, str | Callable[..., str]] = {
    # The command
    "page_extra_missing": (
        "`udpnote page` needs packages that the other commands do not need, and they are not installed. To install them: "
        "`{python} -m pip install 'starlette>=1.0.1' uvicorn segno`"
    ),
    "page_port_taken": (
        "port {port} is taken ({address}), most likely by another page: end that one, or choose another port with --port "
        "(for `udpnote serve`: --page-port)"
    ),
    "page_allowed_host_invalid": (
        "{option}: {name!r} is not the name or address of a host. Write only a name or address, such as "
        "notes.example.org, without `http://` and port"
    ),
    "page_ended": "the page has ended. Browsers keep what is not stored yet, and send it when the page is back",
    "page_waits_for_notebook": "the page is ready, but its notebook is not: {reason}",
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
    "page_ends": "the page is just ending. What is not stored yet waits in this browser",
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
    "page_author_missing": "the note has no author: say who writes",
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
        "this note was written for another notebook than the one that the page shows now. The note waits in this browser"
    ),
    # Sealed notebooks
    "page_speaks_https": "this address begins with `https://`. Type that in front of the address, and open the page again",
    "page_needs_code": "this notebook is sealed: give its join code",
    "page_code_needs_https": (
        "the join code of a sealed notebook is accepted over HTTPS only: otherwise others on the LAN could read it. Ask the "
        "person who runs the page to start it with `udpnote page --https`"
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
}
