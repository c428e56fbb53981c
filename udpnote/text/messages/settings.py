"""The sentences about a wrong setting, and about a host, a port or an address that cannot be used.

The value `where` names the place of the wrong setting: the option, the environment variable, or, as the notice
`setting_in_file`, the settings file and the setting's name.
"""

from udpnote.text.messages.forms import Sentence

SENTENCES: dict[str, Sentence] = {
    # The settings file
    "settings_file_irregular": "{path} should be the settings file, but it is a folder, a pipe or a device: move it away",
    "settings_file_too_long": (
        "{path} should be the settings file, but has more than {bytes_max:,} bytes, the most that a settings file can "
        "have. Move it away"
    ),
    "settings_file_unreadable": "cannot read the settings file {path} ({reason}): check its permissions",
    "settings_file_damaged": "the settings file {path} is damaged ({reason}): mend it, or move it away",
    "toml_wrong_at": "line {line:,}, column {column:,}",
    "toml_wrong_because": "line {line:,}, column {column:,}: {reason}",
    "toml_name_twice": "this line sets a name that is set before",
    "toml_without_equals_sign": "after the name there is no `=`",
    "toml_not_a_value": "this is not a value. Text needs quotation marks",
    "toml_without_closing_quote": "the closing quotation mark is missing",
    "toml_more_after_value": "the line does not end after the value",
    "toml_not_closed": "a list or a text in it is not closed",
    "toml_beyond_limits": "a number in it is too long, or its lists are nested too deep",
    "settings_file_not_utf8": "the settings file {path} is not UTF-8: save it with the encoding UTF-8, or move it away",
    "setting_unknown": ("{path} has an unknown setting, {name!r}: correct or remove it. The settings are {known}"),
    # Folders
    "no_home_folder": (
        "nothing was done: the system knows no home folder of the user {user}, so udpnote has no place for its files. Set "
        "UDPNOTE_HOME to a folder for them"
    ),
    "current_folder_gone": "{where}: {value!r} starts from the current folder, which was deleted: go to another one with cd",
    "setting_home_unknown": "{where}: {value!r} begins with a home folder that does not exist: write the whole path",
    "home_folder": "the path of the user's home folder",
    # One setting
    "setting_in_file": "{path}: {name}",
    "name_or_id": "the name or id of a notebook",
    "origin_of_notes": "the notebook or host from which notes are moved",
    "setting_not_text": "{where} must be text, and not empty; it is {value!r}",
    "setting_not_utf8": "{where} is not valid UTF-8: {value!r}",
    "setting_not_a_path": "{where} must be the path of a file, not {value!r}",
    "setting_not_seconds": "{where} must be a number of seconds from 0 to {seconds_max:.0f}, not {value!r}",
    "setting_not_boolean": "{where} must be true or false, not {value!r}",
    "setting_not_a_language": "{where}: udpnote does not speak {value!r}; write en, zh_CN or zh_TW",
    "setting_not_a_join_code": "{where}: {error}",
    "setting_not_an_author": "{where}: {error}",
    # The server's address and port
    "server_not_bracketed": "{server!r} is not an address: write [IPV6]:PORT, for example [fe80::1%eth0]:6683",
    "server_without_host": "{server!r} names no host: write HOST or HOST:PORT, for example pi.local:6683",
    "port_of_server_invalid": "the port of {server!r} must be a UDP port from 1 to 65535, not {port!r}",
    "port_invalid": "{where} must be a UDP port from 1 to 65535, not {port!r}",
    # Hosts, ports and addresses that cannot be used
    "port_taken": (
        "port {port} is taken ({address}), most likely by another server: end that server, or choose another port with --port"
    ),
    "ports_taken": (
        "ports {first} to {last} are taken, most likely by other servers: end one of them, or choose another port with --port"
    ),
    "next_port_used": "port {taken} is taken, so this server listens at port {port}. Clients look for servers at both ports",
    "bound_to_this_machine": (
        "the server runs, but no other machine can reach it: {host} is {address} on this machine. Start it again "
        "without --bind, or with --bind and this machine's address on the LAN, which `ip address` shows"
    ),
    "cannot_listen": "cannot listen at {address} ({reason}): choose another address with --bind, or another port with --port",
    "port_for_root": (
        "cannot listen at {address}: only root may use ports below {first}. Choose a port from {first} on with --port"
    ),
    "interface_missing": (
        "cannot listen at {address}: with this link-local address, also write its interface, for example {address}%eth0. "
        "`ip address` lists this machine's interfaces and their addresses"
    ),
    "not_an_own_address": "cannot listen at {host!r}: this machine has no such address. `ip address` lists its addresses",
    "host_not_resolved": "cannot resolve {host!r} ({reason}): check the name, and whether this machine is on the network",
    "host_without_ip_address": (
        "cannot resolve {host!r}: this name has no IP address. Check the name, or give the server's IP address"
    ),
    "host_not_resolved_in_time": (
        "cannot resolve {host!r}, because no name server has answered yet. Check that this machine is on the network, or "
        "give the server's IP address"
    ),
    "not_a_host_name": "cannot resolve {host!r}: that is not a host name. Write one such as pi.local, or an IP address",
}
