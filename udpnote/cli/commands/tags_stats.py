"""`udpnote tags` and `udpnote stats`: print how many notes a notebook has, for each tag, author and day."""

import sys
from collections.abc import Sequence
from datetime import date
from typing import Annotated

from udpnote.cli import exit_codes
from udpnote.cli.command_line.declared_command import DeclaredCommands, Option
from udpnote.cli.open_notebook import opened
from udpnote.cli.options.client_options import NO_OPTIONS
from udpnote.cli.options.declared import Json, NoPager, NotebookFile, ReadingClient
from udpnote.cli.terminal.interruption import ending_in_order
from udpnote.cli.terminal.pager import paged
from udpnote.cli.terminal.streams import say
from udpnote.cli.terminal.styles import Printer
from udpnote.cli.terminal.text import cell_count, in_json, local_time, padded, padded_left, shortened
from udpnote.cli.terminal.wrapping import wrapped_message
from udpnote.client.reading.notebook_reader import NotebookReader, Stats
from udpnote.errors import InvalidSetting, Notice
from udpnote.machine.clock import wall_seconds
from udpnote.model.query import Tally
from udpnote.settings import check_path
from udpnote.text.joining import in_brackets, listed
from udpnote.text.jsonl import iso_time
from udpnote.text.language import gettext as _
from udpnote.text.writing_days import Figures, dated_weekday, days_of_year, figures_of

TAG_CELLS_MAX = 40
"""The width, in terminal cells, to which longer tags, and longer names of authors in `stats`, are shortened."""

NAMED_MAX = 5
"""How many authors and how many tags `stats` names. The others are only counted."""

TOP_TAGS_MAX = 100
"""How many tags `stats --json` prints. `udpnote tags --json` prints all."""


app = DeclaredCommands()


@app.command()
def tags(
    options: ReadingClient = NO_OPTIONS, file: NotebookFile = None, as_json: Json = False, no_pager: NoPager = False
) -> int:
    """List the tags, and how many notes have each.

    A tag is a word in a note that begins with #, such as #milk. A note with #work/home also counts for #work.

    Examples:

        udpnote tags
    """
    from rich.cells import cell_len

    with paged(is_wanted=not no_pager), opened(options, file) as (notebook, printer):
        tallies = notebook.tags()
        labels = [shortened(f"#{tally.label}", TAG_CELLS_MAX) for tally in tallies]
        cells = max(map(cell_len, [_("TAG"), *labels]))
        if not tallies:
            say(Notice("no_tags_yet"))
        elif not as_json:
            printer.print(padded(_("TAG"), cells), padded_left(_("NOTES"), 9))
        for label, tally in zip(labels, tallies, strict=True):
            if as_json:
                sys.stdout.write(in_json({"tag": tally.label, "notes": tally.amount}) + "\n")
            else:
                printer.print(padded(label, cells), f"  {tally.amount:>7,}")
        sys.stdout.flush()
    return exit_codes.DONE


@app.command()
def stats(
    year: Annotated[
        int | None, Option("--year", metavar="YEAR", smallest=1, largest=9999, help="Only this year, such as 2026.")
    ] = None,
    svg: Annotated[
        str | None, Option("--svg", metavar="FILE", help="Write a picture of all years instead; -: to standard output.")
    ] = None,
    options: ReadingClient = NO_OPTIONS,
    file: NotebookFile = None,
    as_json: Json = False,
    no_pager: NoPager = False,
) -> int:
    """Show how many notes, authors, tags and days with notes the notebook has.

    A chart shows how many notes were written on each day of the last year; on a narrow terminal it has several parts. `--json`
    has all days. The picture of `--svg` is light or dark as the reader's system is, and has no text of any note.

    Examples:

        udpnote stats

        udpnote stats --year 2026

        udpnote stats --svg year.svg --year 2026

        udpnote stats --file backup.sqlite3
    """
    if svg is not None and as_json:
        raise InvalidSetting("svg_and_json")
    if svg is not None and svg != "-":
        check_path(svg, "--svg")
    with paged(is_wanted=not no_pager), opened(options, file) as (notebook, printer):
        if svg is not None:
            _write_image(svg, notebook, year)
        elif year is not None:
            _print_year(printer, year, days_of_year(dict(notebook.days()), year), as_json=as_json)
        else:
            _print_all(printer, notebook, as_json=as_json)
        sys.stdout.flush()
    return exit_codes.DONE


def _print_all(printer: Printer, notebook: NotebookReader, *, as_json: bool) -> None:
    """Print the figures of the whole notebook: as JSON, or as lines and a chart of the days with notes."""
    figures, authors, days, tallies = notebook.stats(), notebook.authors(), dict(notebook.days()), notebook.tags()
    if as_json:
        print(in_json(_object(figures, authors, days, tallies)))
        return
    _print_table(printer, _rows(figures, authors, tallies))
    if days:
        from udpnote.cli.terminal.charts import days_chart

        printer.print()
        for pieces in days_chart(days, _today(), printer.width):
            printer.print(*pieces)


def _print_year(printer: Printer, year: int, days: dict[date, int], *, as_json: bool) -> None:
    """Print the figures of `year`: as JSON, or as lines and a calendar.

    `days` has the number of notes for each day of the year that has notes.
    """
    figures = figures_of(days)
    if as_json:
        print(in_json(_year_object(year, figures, days)))
        return
    from udpnote.cli.terminal.charts import year_calendar

    rows = [(_("year"), str(year)), (_("notes"), f"{figures.notes:,}"), (_("days with notes"), f"{figures.days:,}")]
    if figures.busiest is not None:
        day = figures.busiest
        named = dated_weekday(day.year, day.month, day.day, day.weekday())
        busiest = f"{named}  {in_brackets(f'{figures.busiest_notes:,}')}"
        rows += [(_("days in a row"), f"{figures.longest_run:,}"), (_("busiest day"), busiest)]
    _print_table(printer, rows)
    printer.print()
    for pieces in year_calendar(days, year, _today(), printer.width):
        printer.print(*pieces)


def _write_image(path: str, notebook: NotebookReader, year: int | None) -> None:
    """Write a calendar of the days with notes, as an SVG image, to the file `path`, or to standard output if `path` is `-`.

    The image shows `year`, or the latest years if `year` is None. It is in UTF-8, but on a terminal in the terminal's encoding.
    A file is replaced only by the complete image.
    """
    from udpnote.text.calendar_image import calendar_image

    image = calendar_image(notebook.name, dict(notebook.days()), today=_today(), year=year)
    if path == "-":
        if sys.stdout.isatty():
            sys.stdout.write(image)
        else:
            sys.stdout.buffer.write(image.encode())
        return
    from udpnote.storage.atomic_file import whole_file

    with ending_in_order(), whole_file(path) as file:
        file.write(image.encode())
    say(Notice("svg_written", path=path))


def _today() -> date:
    return date.fromtimestamp(wall_seconds())


def _rows(figures: Stats, authors: Sequence[Tally], tallies: Sequence[Tally]) -> list[tuple[str, str]]:
    """Return the labels and values that `stats` prints above the chart.

    `tallies` has the number of notes for each tag, `authors` for each author. Both begin with the largest number.
    """
    from rich.filesize import decimal

    more = ""
    if figures.entries > figures.notes:
        more = "  " + _("(of {entries:,} entries: each revision and deletion is one)").format(entries=figures.entries)
    rows = [
        (_("notes"), f"{figures.notes:,}{more}"),
        (_("authors"), f"{figures.authors:,}{_named(authors, '')}"),
        (_("clients"), f"{figures.clients:,}"),
        (_("tags"), f"{len(tallies):,}{_named(tallies, '#')}"),
        (_("days"), f"{figures.days:,}"),
        (_("size"), decimal(figures.bytes)),
    ]
    if figures.first is not None and figures.last is not None:
        rows += [(_("first"), local_time(figures.first)), (_("last"), local_time(figures.last))]
    return rows


def _print_table(printer: Printer, rows: Sequence[tuple[str, str]]) -> None:
    """Print each label and value of `rows`, of which there must be at least one. The values are aligned. On a terminal, long
    ones have several lines.
    """
    cells = max(cell_count(label) for label, _value in rows)
    for label, value in rows:
        row = f"{padded(label, cells)}  {value}"
        for line in wrapped_message(row, printer.width, cells + 2) if printer.is_terminal else [row]:
            printer.print(line)


def _named(tallies: Sequence[Tally], prefix: str) -> str:
    """The first `NAMED_MAX` of `tallies` in brackets, each with its number of notes: `(#home 12, #work 3, …)`.

    Two spaces stand before the brackets, and `prefix` before each label. The result is empty if there are no `tallies`.
    """
    named = [f"{prefix}{shortened(each.label, TAG_CELLS_MAX)} {each.amount:,}" for each in tallies[:NAMED_MAX]]
    if not named:
        return ""
    return "  " + in_brackets(listed([*named, "…"] if len(tallies) > NAMED_MAX else named))


def _object(figures: Stats, authors: Sequence[Tally], days: dict[date, int], tallies: Sequence[Tally]) -> dict[str, object]:
    """The figures as an object for `stats --json`. Of `tallies`, which are those of the tags, it has only the first
    `TOP_TAGS_MAX`.
    """
    return {
        "notes": figures.notes,
        "entries": figures.entries,
        "clients": figures.clients,
        "bytes": figures.bytes,
        "first": None if figures.first is None else iso_time(figures.first, 0),
        "last": None if figures.last is None else iso_time(figures.last, 0),
        "authors": {each.label: each.amount for each in authors},
        "tags": {each.label: each.amount for each in tallies[:TOP_TAGS_MAX]},
        "days": {day.isoformat(): amount for day, amount in days.items()},
    }


def _year_object(year: int, figures: Figures, days: dict[date, int]) -> dict[str, object]:
    """The figures of one year as an object for `stats --year YEAR --json`."""
    return {
        "year": year,
        "notes": figures.notes,
        "days_with_notes": figures.days,
        "longest_run": figures.longest_run,
        "busiest_day": None if figures.busiest is None else figures.busiest.isoformat(),
        "days": {day.isoformat(): amount for day, amount in days.items()},
    }
