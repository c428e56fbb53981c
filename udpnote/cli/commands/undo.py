"""`udpnote undo`: takes back the last write, edit or deletion of this user on this machine."""

from udpnote.cli.command_line.declared_command import DeclaredCommands
from udpnote.cli.options.client_options import NO_OPTIONS
from udpnote.cli.options.declared import Json, WritingClient
from udpnote.cli.revision_sender import sending

app = DeclaredCommands()


@app.command(changes=True)
def undo(options: WritingClient = NO_OPTIONS, as_json: Json = False) -> int:
    """Take back the last of your writes, edits and deletions.

    It says what it takes back. A note that you have written is deleted, a note that you have edited gets back its earlier
    text, and a note that you have deleted comes back. The history keeps all versions. If you run `udpnote undo` again, it
    takes back the write before that. It cannot take back an undo: `udpnote edit NUMBER` brings a note back. Of many lines
    sent through a pipe, it takes back only the last.

    Your writes are those of your user on this machine. Only the latest are remembered. With `--notebook` or `--server`, it
    takes back the last of your writes there.

    If others have changed the note since, nothing is done (exit code 1), and the next `udpnote undo` takes back your write
    before that. An entry that was not sent yet is removed from the outbox. If an entry was sent, but may or may not be
    stored, its deletion is queued behind it (exit code 75). An edit or a deletion can be taken back only while the server
    answers (if it does not: exit code 69).

    Examples:

        udpnote undo
    """
    is_named = any(each is not None for each in (options.server, options.port, options.notebook))
    with sending(options, as_json=as_json) as sender:
        return sender.undo(anywhere=not is_named)
