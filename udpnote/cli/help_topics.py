"""The pages of `udpnote help` that are not about one command."""

from typing import NamedTuple

from udpnote.text.language import marked


class Topic(NamedTuple):
    """A help page that is not about a command: paragraphs of `text`, and a table under `heading`.

    A row of the table names a thing and says how it is written or what it means. All texts are marked for translation, except
    words that a person types exactly so.
    """

    text: str
    heading: str
    rows: list[tuple[str, str]]


EXIT_CODES = [
    ("0", marked("The command has done its work.")),
    ("1", marked("It could not do all of it.")),
    ("2", marked("An option, an argument or a setting is wrong.")),
    ("69", marked("No server was found.")),
    ("75", marked("An entry is queued, and is sent again later.")),
    ("130", marked("Ctrl-C has ended the command.")),
]

TOPICS = {
    "times": Topic(
        marked(
            "The options --since, --until, --on and --at take times as people write them. A time such as `yesterday` "
            "is a whole day: --since begins with its start, --until ends with its end, and --on is all of it. Quote a "
            "time that has spaces."
        )
        + "\n\n"
        + marked(
            "A weekday, or a day or month without a year, is the latest that has begun. Weeks begin on Monday. What can be "
            "read in several ways, such as 05/06/2026, is refused with the ways to write each."
        ),
        marked("Times"),
        [
            (marked("a day"), "2026-11-23, 27.11.2026, May 3, 3 May 2026, 2026年5月3日, 5月3日, 3号"),
            (
                marked("a day in words"),
                "today, yesterday, monday, last friday, 2 days ago, 今天, 昨天, 周一, 上周三, 三天前",
            ),
            (marked("a part of a day"), "yesterday morning, last night, 昨天上午, 5月3日下午, 昨晚, 今天早上"),
            (marked("a time of day"), "15:00, 2026-11-23 07:52, yesterday 3 pm, 昨天下午3点半"),
            (marked("its time zone"), "2026-11-23 07:52 +08:00, 2026-11-23 07:52 UTC"),
            (marked("so long ago"), "3 hours ago, 1h30m, 半小时前"),
            (
                marked("a week, month or year"),
                "this week, last month, 2026-W48, 2026-05, May 2026, 本周, 去年, 2026年5月",
            ),
            (marked("the last days or hours"), "last 3 days, last 24 hours, 最近三天, 过去两周"),
        ],
    ),
    "exit-codes": Topic(
        marked("A command ends with an exit code, which a script finds in $?."),
        marked("Exit codes"),
        EXIT_CODES,
    ),
}
"""The help pages by their names, as they are typed after `udpnote help`."""
