"""An outbox whose command was killed, and damage to its log."""

import shutil
from contextlib import closing
from pathlib import Path

from tests.support.killed_notebook import flip
from udpnote.storage.database import LOG_HEADER_BYTES
from udpnote.storage.outbox.outbox import Outbox
from udpnote.storage.outbox.tables import SCHEMA

FRAME_BYTES = 24 + SCHEMA.page_bytes
NOTES = 3


def killed_outbox(path: Path) -> None:
    """Make an outbox as a killed command leaves it, after some notes, each in a transaction of its own."""
    used = path.with_name("used")
    with closing(Outbox(used)) as outbox:
        for number in range(NOTES):
            outbox.add([f"note {number}"], author="amy@pi", written_at=1, utc_offset=0)
        for suffix in ("", "-wal", "-shm"):
            shutil.copy(f"{used}{suffix}", f"{path}{suffix}")
    used.unlink()


def files(path: Path) -> dict[str, bytes]:
    """Return the bytes of the outbox, of its log and of the index of the log, by the suffixes of the files."""
    return {suffix: Path(f"{path}{suffix}").read_bytes() for suffix in ("", "-wal", "-shm")}


def damage(path: Path) -> None:
    """Damage the last frame in the log of the outbox at `path`."""
    log = Path(f"{path}-wal")
    content = bytearray(log.read_bytes())
    own = content[16:24]
    flip(content, max(at for at in range(LOG_HEADER_BYTES, len(content), FRAME_BYTES) if content[at + 8 : at + 16] == own))
    log.write_bytes(content)
