"""memos: the API of old and new versions gives the same notes, with their writers."""

import json

from tests.support.other_programs import SAMPLES, Read, reader_of
from udpnote.text.other_programs.json_records import record_notes
from udpnote.text.other_programs.memos import SOURCE

PAGE = (SAMPLES / "memos.json").read_text()


def test_pages_of_the_api_keep_times_writers_tags_and_identities_and_count_the_rest() -> None:
    found = Read(record_notes, reader_of(PAGE + "\n" + PAGE), SOURCE)
    assert found.identities == ["G3BLCD3swV4Fuxk4uMT97d", "hZ9UuAavq5oVgPpVRTuA4k"] * 2
    assert found.times[:2] == ["2024-05-07T08:26", "2024-05-08T20:00"]
    assert [note.author for note in found.notes[:2]] == ["", "mei"]
    assert found.texts[:2] == ["Use `docker inspect`.\n#docker #cmd\n\n#pinned", "今天的想法 #生活\n\n#archived"]
    assert found.amounts == {"attachments": 2, "relations": 2, "privacy": 2}


def test_a_last_page_that_names_a_next_one_is_reported_after_its_memos() -> None:
    page = PAGE.replace('"nextPageToken":""', '"nextPageToken":"COgH+w=="')
    assert page != PAGE
    whole, cut = Read(record_notes, reader_of(page + PAGE), SOURCE), Read(record_notes, reader_of(PAGE + page), SOURCE)
    assert whole.bad == []
    assert [(error.notice.kind, error.notice.values) for error in cut.bad] == [
        ("import_memos_page", {"token": "COgH%2Bw%3D%3D"})
    ]
    assert len(whole.notes) == len(cut.notes) == 4


def test_old_versions_have_numbers_for_times_and_ids() -> None:
    memo = {"id": 7, "createdTs": 1715041619, "updatedTs": 1715041800, "content": "a", "rowStatus": "ARCHIVED"}
    memo |= {"creatorUsername": "lin", "resourceList": [{}], "pinned": 0}
    found = Read(
        record_notes, reader_of(json.dumps([memo, memo | {"createdTs": 5}, memo | {"uid": "x"}, memo | {"id": None}])), SOURCE
    )
    assert found.identities[0].split() == ["7", "1715041619000000"]
    assert len(set(found.identities)) == 3 and found.identities[2] == "x"
    assert (found.times[0], found.texts[0], found.notes[0].author) == ("2024-05-07T08:26", "a\n\n#archived", "lin")
    assert found.places == [("bad_import_record", {"position": 4})]


def test_a_memo_at_a_time_that_no_note_can_have_is_bad() -> None:
    memos = [{"id": 7, "createdTs": seconds, "content": "a"} for seconds in ((1 << 38) - 1, -(1 << 37), 5)]
    memos.append({"uid": "x", "createTime": "9999-12-31T12:00:00Z", "content": "a"})
    found = Read(record_notes, reader_of(json.dumps(memos)), SOURCE)
    assert (len(found.notes), len(found.bad)) == (1, 3)
    memos = [{"uid": "x", "createdTs": 5, "updatedTs": (1 << 38) - 1, "content": "a"}]
    assert len(Read(record_notes, reader_of(json.dumps(memos)), SOURCE).notes) == 1
