"""Day One: times with the writer's zone, tags, stars, references to files, and what stays in the export."""

from typing import Any

import pytest

from tests.support.other_programs import SAMPLES, Read, microseconds_at, reader_of
from udpnote.text.other_programs.day_one import SOURCE, day_one_note
from udpnote.text.other_programs.imported_note import ImportedNote, Place, Reading
from udpnote.text.other_programs.json_records import record_notes

ENTRY = {"uuid": "A1", "creationDate": "2024-05-01T02:14:09Z", "text": "x"}


def read(fields: dict[str, Any]) -> Read:
    def reader(reading: Reading) -> list[ImportedNote]:
        note = day_one_note(fields, Place(position=3), reading)
        return [note] if note is not None else []

    return Read(reader)


def test_an_export_keeps_times_zones_tags_and_identities_and_counts_the_rest() -> None:
    found = Read(record_notes, reader_of((SAMPLES / "day-one.json").read_text()), SOURCE)
    assert found.times == ["2024-05-01T10:14", "2024-11-03T01:30"]
    assert found.identities == ["2F8DDCA258634D9994DF3A4FEE328035", "ABF26CD8D3EA42E298F1C3D5EFB0CF83"]
    assert found.texts == [
        "# Ferry to Cheung Chau...\n\n![](photos/0f1e2d3c4b5a69788796a5b4c3d2e1f0.jpeg)\n\nRain all day\n```"
        "\nC:\\_old\\.txt\n```\n\n#travel #with-Mei #starred",
        "早上喝茶，下午写字 #书法",
    ]
    assert [note.changed_at for note in found.notes] == [microseconds_at("2024-05-02 19:00"), 0]
    assert found.amounts == {"pictures": 1, "recordings": 1, "places": 1, "details": 1, "empty": 1}
    assert not found.bad


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"text": r"¯\_(ツ)_/¯"}, r"¯\_(ツ)_/¯"),
        ({"text": r"a\.", "richText": "{}"}, "a."),
        ({"text": "", "richText": '{"contents": [{"text": "a\\n"}, {"embeddedObjects": []}, {"text": "b"}]}'}, "a\nb"),
        ({"text": "![](dayone-moment:/audio/X-9)", "audios": [{"identifier": "X-9", "md5": "f0"}]}, "![](audios/f0.m4a)"),
        ({"text": "![](dayone-moment://GONE)"}, "![](dayone-moment://GONE)"),
        ({"text": "x", "tags": ["2026", "x y", "#z", 5]}, "x\n\n#2026 #x-y #z"),
    ],
)
def test_texts_are_what_their_writer_saw(changes: dict[str, Any], text: str) -> None:
    assert read(ENTRY | changes).texts == [text]


@pytest.mark.parametrize("wrong", [{"uuid": 5}, {"creationDate": "2024-05-01"}, {"creationDate": None}, {"text": "x\ud800"}])
def test_entries_without_id_or_time_are_named(wrong: dict[str, Any]) -> None:
    assert read(ENTRY | wrong).places == [("bad_import_record", {"position": 3})]
