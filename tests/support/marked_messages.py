"""Finds the texts of the source that are marked for translation."""

import ast
import errno
import os
import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from tests.support.source import modules
from udpnote.cli.command_line.command_table import COMMANDS, HELP, load
from udpnote.cli.command_line.declared_command import DeclaredCommand
from udpnote.cli.command_line.help_page import EXAMPLE_INDENT, HELP_ROW, OPTION_ROWS, cleaned
from udpnote.text.messages.sentences import SENTENCES
from udpnote.text.messages.troubles import TROUBLES

MARKS = {"_", "gettext", "ngettext", "marked", "count", "Counted"}
"""The functions whose literal arguments are messages. `count` puts a number before them. In `Counted`, the first is a name."""

SYSTEM_ERRORS = """
    EPERM ENOENT EINTR EIO ENXIO E2BIG ENOEXEC EBADF EAGAIN ENOMEM EACCES EBUSY EEXIST EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE
    EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE ENAMETOOLONG ENOTEMPTY ELOOP EOVERFLOW EDQUOT ESTALE ENOTSUP
    ENOSYS ENOKEY EPROTO ENOTSOCK EDESTADDRREQ EMSGSIZE ENOPROTOOPT EPROTONOSUPPORT EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL
    ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET ENOBUFS ENOTCONN ETIMEDOUT ECONNREFUSED EHOSTDOWN EHOSTUNREACH
"""
"""The errors that files, sockets and programs may have, by their names in errno(3)."""

RESOLVER_ERRORS = (
    "Address family for hostname not supported",
    "Temporary failure in name resolution",
    "Non-recoverable failure in name resolution",
    "Memory allocation failure",
    "No address associated with hostname",
    "Name or service not known",
    "Servname not supported for ai_socktype",
    "System error",
)
"""What getaddrinfo(3) of the GNU C library says of a name that it cannot resolve."""

SQLITE_ERRORS = (
    "SQL logic error",
    "access permission denied",
    "query aborted",
    "database is locked",
    "database table is locked",
    "out of memory",
    "attempt to write a readonly database",
    "interrupted",
    "disk I/O error",
    "database disk image is malformed",
    "database or disk is full",
    "unable to open database file",
    "locking protocol",
    "database schema has changed",
    "string or blob too big",
    "large file support is disabled",
    "file is not a database",
)
"""What SQLite says, as in its function `sqlite3ErrStr`."""


class MarkedMessage(NamedTuple):
    """A message as it stands in the source: its text, its plural form ("" if it has none), and the files that have it."""

    text: str
    plural: str
    places: tuple[str, ...]


@cache
def marked_messages() -> list[MarkedMessage]:
    """Return all messages to translate, each once, in the order of the files."""
    found: dict[tuple[str, str], list[str]] = {}
    for text, plural, place in (*_calls(), *_sentences(), *_help(), *_system_texts()):
        if text:
            found.setdefault((text, plural), []).append(place)
    return [MarkedMessage(*key, tuple(dict.fromkeys(places))) for key, places in found.items()]


def _calls() -> Iterator[tuple[str, str, str]]:
    """Yield the messages in calls of `MARKS`, each as (text, plural form, file)."""
    for name, module in modules().items():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MARKS:
                literals = [each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
                if node.func.id == "Counted":
                    literals = literals[1:]
                if node.func.id == "count":
                    literals = [f"{{count:,}} {each}" for each in literals]
                if literals:
                    yield literals[0], literals[1] if len(literals) > 1 else "", _file(name)


def _sentences() -> Iterator[tuple[str, str, str]]:
    """Yield the sentences of notices and errors, in the same form as `_calls`."""
    for kind, sentence in SENTENCES.items():
        if isinstance(sentence, str) and re.sub(r"{[^}]*}", "", sentence):
            yield sentence, "", "udpnote/text/messages" if kind not in TROUBLES else "udpnote/text/messages/troubles.py"
    for trouble in TROUBLES.values():
        yield trouble.place, "", "udpnote/text/messages/troubles.py"


def _help() -> Iterator[tuple[str, str, str]]:
    """Yield the texts of the help, in the same form as `_calls`."""
    for text in (*help_paragraphs(HELP), HELP_ROW[1], *(sentence for _, sentence in OPTION_ROWS)):
        yield text, "", "udpnote/cli/command_line/help_page.py"
    for name, (module, group, sentence) in COMMANDS.items():
        yield group, "", "udpnote/cli/command_line/command_table.py"
        yield sentence, "", "udpnote/cli/command_line/command_table.py"
        command = load(name)
        place = f"udpnote/cli/commands/{module}.py"
        for each in [command] if isinstance(command, DeclaredCommand) else command.commands.values():
            assert isinstance(each, DeclaredCommand), "no group is inside a group"
            for parameter in each.parameters:
                yield parameter.declaration.help, "", place
            yield from ((paragraph, "", place) for paragraph in help_paragraphs(each.help))
        if not isinstance(command, DeclaredCommand):
            yield from ((paragraph, "", place) for paragraph in help_paragraphs(command.help))


def _system_texts() -> Iterator[tuple[str, str, str]]:
    """Yield the texts of the operating system, of its resolver and of SQLite that a sentence of udpnote may contain."""
    for name in SYSTEM_ERRORS.split():
        yield os.strerror(getattr(errno, name)), "", "the operating system"
    for text in RESOLVER_ERRORS:
        yield text, "", "getaddrinfo"
    for text in SQLITE_ERRORS:
        yield text, "", "SQLite"


def help_paragraphs(docstring: str) -> list[str]:
    """Return the paragraphs of a command's help that are translated. Examples are left out."""
    paragraphs = cleaned(docstring).split("\n\n")
    return [" ".join(each.split()) for each in paragraphs if not each.startswith(EXAMPLE_INDENT)]


def _file(module: str) -> str:
    return module.replace(".", "/") + ".py"
