"""What an import does with a note that was imported before, and perhaps changed or deleted in the notebook since."""

import pytest

from tests.support.exports import Log
from udpnote.model.entry import WRITTEN_AT_MAX, Kind
from udpnote.text.other_programs.imported_note import ImportedNote, Place, sequence_of, source_client_id
from udpnote.text.other_programs.known_notes import Fate, KnownNotes

CLIENT = source_client_id("markdown")
NOTE = ImportedNote(Place("a.md", 1), "vault/a.md", True, 1_000_000, 480, "第一", changed_at=2_000_000, may_move=True)


def log(*changes: str) -> Log:
    """A notebook in which NOTE was imported as #2, after another note, and then changed."""
    found = Log()
    found.note()
    entry = KnownNotes([], CLIENT).decide(NOTE, "lin").entry
    assert entry is not None
    stored = found.note(entry.text)
    found.entries[-1] = stored._replace(entry=entry)
    for change in changes:
        match change.split():
            case ["delete"]:
                found.delete(len(found.entries))
            case ["revise", text]:
                found.revise(len(found.entries), text)
            case ["import", text]:
                revision = KnownNotes(found.entries, CLIENT).decide(NOTE._replace(text=text), "lin").entry
                assert revision is not None
                number = len(found.entries) + 1
                found.entries.append(stored._replace(number=number, entry=revision, version=number))
    return found


@pytest.mark.parametrize(
    ("changes", "text", "fate"),
    [
        ((), "第一", Fate.THERE_ALREADY),
        ((), "第二", Fate.CHANGED),
        (("import 第二",), "第二", Fate.THERE_ALREADY),
        (("import 第二",), "第一", Fate.THERE_ALREADY),
        (("import 第二",), "第三", Fate.CHANGED),
        (("revise mine",), "第一", Fate.THERE_ALREADY),
        (("revise mine",), "第二", Fate.CHANGED_HERE_TOO),
        (("import 第二", "revise mine"), "第三", Fate.CHANGED_HERE_TOO),
        (("revise 第二",), "第二", Fate.THERE_ALREADY),
        (("delete",), "第二", Fate.THERE_ALREADY),
    ],
)
def test_a_changed_text_revises_its_imported_note_unless_somebody_has_changed_that(
    changes: tuple[str, ...], text: str, fate: Fate
) -> None:
    decision = KnownNotes(log(*changes).entries, CLIENT).decide(NOTE._replace(text=text), "lin")
    assert (decision.fate, decision.number) == (fate, 2)
    assert (decision.entry is not None) is (fate is Fate.CHANGED)


def test_a_text_that_was_changed_back_revises_the_note_again_unless_somebody_has_changed_it() -> None:
    later = NOTE._replace(changed_at=2_000_001)
    for changes, fate in (
        (("import 第二",), Fate.CHANGED),
        (("import 第二", "revise mine"), Fate.THERE_ALREADY),
        (("revise mine",), Fate.THERE_ALREADY),
    ):
        assert KnownNotes(log(*changes).entries, CLIENT).decide(later, "lin").fate is fate
    sequences = set()
    for changed_at in (2_000_001, 2_000_002):
        entry = KnownNotes(log("import 第二").entries, CLIENT).decide(NOTE._replace(changed_at=changed_at), "lin").entry
        assert entry is not None
        sequences.add(entry.sequence)
    assert len(sequences) == 2, "the same text may come back several times"


def test_a_revision_names_the_version_that_it_replaces_and_has_an_identity_of_its_own() -> None:
    entries = log("import 第二").entries
    revision = KnownNotes(entries, CLIENT).decide(NOTE._replace(text="第三"), "lin").entry
    assert revision is not None
    assert (revision.kind, revision.revises, revision.seen.number, revision.written_at) == (Kind.REVISION, 3, 3, 2_000_000)
    assert revision.seen.sequence == entries[2].entry.sequence
    assert len({revision.sequence, *(each.entry.sequence for each in entries)}) == 4


def test_new_notes_are_sent_and_moved_files_and_notes_without_id_are_recognized() -> None:
    entries = log("import 第二").entries
    known, moved = KnownNotes(entries, CLIENT), NOTE._replace(identity="vault/b.md", text="第二")
    assert known.decide(moved, "lin").fate is Fate.THERE_ALREADY
    for new in (moved._replace(may_move=False), moved._replace(written_at=5), moved._replace(text="第三")):
        decision = KnownNotes(entries, CLIENT).decide(new, "lin")
        assert decision.fate is Fate.NEW and decision.entry is not None
        assert (decision.entry.sequence, decision.entry.author) == (sequence_of("vault/b.md"), "lin")
    assert known.decide(NOTE._replace(may_change=False, text="第三"), "lin").fate is Fate.THERE_ALREADY
    assert KnownNotes(log().entries, source_client_id("jrnl")).decide(NOTE, "lin").fate is Fate.NEW


def test_of_two_texts_with_one_identity_the_second_is_neither_new_nor_there_already_until_the_first_is_known() -> None:
    first, second = NOTE._replace(may_move=False), NOTE._replace(text="第二", may_move=False)
    known = KnownNotes([], CLIENT)
    assert [known.decide(note, "lin").fate for note in (first, second, first)] == [Fate.NEW, Fate.TWICE, Fate.NEW]
    known = KnownNotes(log().entries, CLIENT)
    assert [known.decide(note, "lin").fate for note in (first, second)] == [Fate.THERE_ALREADY, Fate.CHANGED]


def test_an_identity_may_have_any_lone_surrogate() -> None:
    identities = ["a", "a\udcff", "a\ud83d", "a\udcff\ud83d"]
    assert len({sequence_of(identity) for identity in identities}) == len(identities)


def test_a_change_after_the_last_time_of_an_entry_is_dated_at_that_time() -> None:
    late = NOTE._replace(text="第二", changed_at=WRITTEN_AT_MAX + 1)
    revision = KnownNotes(log().entries, CLIENT).decide(late, "lin").entry
    assert revision is not None and revision.written_at == WRITTEN_AT_MAX
