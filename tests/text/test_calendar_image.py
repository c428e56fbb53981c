"""The picture of the days: an SVG that needs no other file."""

from datetime import date
from xml.etree import ElementTree

from udpnote.model.language import SIMPLIFIED
from udpnote.text.calendar_image import YEARS_MAX, calendar_image
from udpnote.text.language import speaking

TODAY = date(2026, 11, 28)
SVG = "{http://www.w3.org/2000/svg}"


def squares(image: str) -> dict[str, tuple[str, float, float]]:
    """For the title of each day's square: the class and the place of the square."""
    root = ElementTree.fromstring(image)
    found = [each for each in root.iter(f"{SVG}rect") if each.find(f"{SVG}title") is not None]
    return {
        each.findtext(f"{SVG}title", ""): (each.get("class", ""), float(each.get("x", "")), float(each.get("y", "")))
        for each in found
    }


def texts(image: str) -> list[str]:
    return [each.text or "" for each in ElementTree.fromstring(image).iter(f"{SVG}text")]


def test_each_day_up_to_today_is_a_square_with_its_number_of_notes_one_column_a_week() -> None:
    amounts = {date(2025, 2, 3): 1, date(2026, 11, 27): 12, date(2026, 11, 28): 1}
    image = calendar_image("<a> & \x1bb", amounts, today=TODAY)
    found = squares(image)
    assert len(found) == 365 + (TODAY - date(2025, 12, 31)).days
    friday, saturday = found["2026-11-27 Friday: 12 notes"], found["2026-11-28 Saturday: 1 note"]
    thursday = found["2026-11-26 Thursday: 0 notes"]
    assert (thursday[0], saturday[0], friday[0]) == ("l0", "l1", "l4")
    pitch = saturday[2] - friday[2]
    assert (saturday[1], pitch) == (friday[1], friday[2] - thursday[2])
    assert found["2026-11-20 Friday: 0 notes"][1] == friday[1] - pitch
    assert texts(image)[:10] == [
        "<a> & ␛b", "2025–2026", "14", "notes", "3", "days with notes", "2", "days in a row", "12", "notes on 2026-11-27",
    ]  # fmt: skip
    assert image.count('class="ahead"') == (date(2026, 12, 31) - TODAY).days
    assert "prefers-color-scheme: dark" in image and "http" not in image.replace("http://www.w3.org/2000/svg", "")


def test_one_year_can_be_shown_and_wrong_clocks_do_not_make_the_picture_high() -> None:
    amounts = {date(year, 5, 3): 1 for year in (1970, *range(1980, 2027), 9999)}
    years = [text for text in texts(calendar_image("home", amounts, today=TODAY)) if text.isdigit() and len(text) == 4]
    assert years == [str(2026 - place) for place in range(YEARS_MAX)]
    only = squares(calendar_image("home", amounts, today=TODAY, year=9999))
    assert list(only) == ["9999-05-03 Monday: 1 note"]
    assert len(squares(calendar_image("home", {}, today=TODAY))) == (TODAY - date(2025, 12, 31)).days


def test_the_widest_year_fits_a_long_name_is_cut_and_the_words_are_those_of_the_language() -> None:
    with speaking(SIMPLIFIED):
        image = calendar_image("家里的笔记本" * 9, {date(2012, 12, 31): 2}, today=TODAY, year=2012)
    width = float(ElementTree.fromstring(image).get("width", ""))
    assert max(x for _, x, _ in squares(image).values()) + 13 <= width - 48, "2012 touches 54 weeks"
    assert texts(image)[0] == "家里的笔记本" * 2 + "家里的…"
    assert {"周一", "12月"} <= {*texts(image)}
    assert len(squares(image)) == 366
