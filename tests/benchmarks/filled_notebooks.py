"""Makes notebooks with many entries of about 100 bytes, a third of them Chinese, and with their search index."""

import shutil
import time
from pathlib import Path
from random import Random

from tests.benchmarks.measures import show_progress
from tests.benchmarks.references import new_file
from udpnote.model.entry import Entry, Kind, Part, split
from udpnote.storage.notebook.notebook import Notebook

SMALL, LARGE = 1_000, 1_000_000
MATCHES = 20
"""How many entries have the word `needle`."""

BATCH_ENTRIES = 1000
SHOWN_ENTRIES = 500_000
"""After how many entries the progress is printed."""

FIRST_WRITTEN_AT = 1_557_391_028_000_000

_HAN = [chr(0x4E00 + number) for number in range(3000)]
_LATIN = ["the", "of", "and", "meeting", "milk"] * 200 + [f"word{number}" for number in range(20_000)]


def filled_path(folder: Path, entries: int) -> Path:
    """Return the path of the notebook with `entries` entries. The file may not exist yet."""
    return folder / f"notebook-of-{entries}.sqlite3"


def filled_notebook(folder: Path, entries: int) -> Notebook:
    """Open the notebook with `entries` entries. If it does not exist yet, make it, at about 15,000 entries a second.

    Returns when its search index has all entries.
    """
    notebook = Notebook(filled_path(folder, entries))
    if not notebook.last_number:
        notebook.rename("benchmark")
        random = Random(1)
        for first in range(0, entries, BATCH_ENTRIES):
            if first and first % SHOWN_ENTRIES == 0:
                show_progress(f"{first:,} of {entries:,} entries are stored")
            parts = [_part(random, number, entries) for number in range(first, min(first + BATCH_ENTRIES, entries))]
            notebook.store(parts, FIRST_WRITTEN_AT + first)
    while not notebook.lookup.index.catch_up(lambda: False):
        time.sleep(0.01)
    return notebook


def copied(folder: Path, entries: int) -> Path:
    """Copy the notebook with `entries` entries, and its index. Return the path of the copy, which may be written to."""
    filled_notebook(folder, entries).close()
    original, copy = filled_path(folder, entries), new_file(folder, "copy")
    for file in folder.glob(f"{original.name}*"):
        shutil.copy(file, folder / file.name.replace(original.name, copy.name))
    return copy


def _part(random: Random, number: int, entries: int) -> Part:
    """Make the entry `number` of `entries`, of about 100 bytes. `MATCHES` of them have the word `needle`."""
    text = "".join(random.choices(_HAN, k=33)) if number % 3 == 0 else " ".join(random.choices(_LATIN, k=15))
    if number % (entries // MATCHES) == 7:
        text += " needle"
    written_at = FIRST_WRITTEN_AT + number * 60_000_000
    client_id = (number % 10).to_bytes(16)
    entry = Entry(client_id, number // 10 + 1, Kind.NOTE, written_at, 480, f"amy@host{number % 10}", text)
    return split(entry, 1 << 20)[0]
