"""`python -m tests.screenshots [FOLDER]`: pictures of the page, to be looked at by a person: phone and desk, light and dark.

Without a FOLDER, writes the two of the README into docs/.
"""

from argparse import ArgumentParser
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.support.browser import Chromium
from tests.support.page_site import ProcessSite
from tests.support.visitor import AT_A_DESK, AT_A_PHONE, Visitor, Visitors

DOCS = Path(__file__).parents[1] / "docs"

ENGLISH = [
    "Boiler serviced, next time in May #house",
    "Milk, bread, coffee #shopping",
    "The blue cable goes to the printer,\nthe grey one to the router. #network",
    "Parcel for the neighbours is behind the door",
]
CHINESE = [
    "锅炉已检修，下次五月 #房子",
    "牛奶、面包、咖啡 #购物",
    "蓝色网线接打印机，\n灰色的接路由器。#网络",
    "邻居的包裹放在门后",
]

VIEWS: dict[str, dict[str, Any]] = {
    "page-phone": {**AT_A_PHONE, "color_scheme": "light", "locale": "en-GB"},
    "page-phone-dark": {**AT_A_PHONE, "color_scheme": "dark", "locale": "en-GB"},
    "page-phone-zh-CN": {**AT_A_PHONE, "color_scheme": "light", "locale": "zh-CN"},
    "page-phone-zh-TW-dark": {**AT_A_PHONE, "color_scheme": "dark", "locale": "zh-TW"},
    "page-desk": {**AT_A_DESK, "viewport": {"width": 1000, "height": 640}, "color_scheme": "light", "locale": "en-GB"},
    "page-desk-dark": {**AT_A_DESK, "viewport": {"width": 1000, "height": 640}, "color_scheme": "dark", "locale": "en-GB"},
}
IN_README = {"page-phone", "page-phone-zh-CN"}


def main(folder: Path, *, is_readme: bool) -> None:
    """Write the pictures into `folder`."""
    chromium = Chromium()
    try:
        for name, options in VIEWS.items():
            if not is_readme or name in IN_README:
                with TemporaryDirectory() as place:
                    _picture_view(chromium, ProcessSite(Path(place, "site")), folder / name, options, is_readme=is_readme)
    finally:
        chromium.close()


def _picture_view(chromium: Chromium, site: ProcessSite, file: Path, options: dict[str, Any], *, is_readme: bool) -> None:
    visitors = Visitors(chromium)
    try:
        texts = CHINESE if options["locale"].startswith("zh") else ENGLISH
        site.start()
        site.send(*texts[:3])
        amy = visitors.visit(site.address, **{**options, "device_scale_factor": 1.25 if is_readme else 1})
        amy.write(texts[3])
        amy.sees(*(text.split("\n")[0] for text in texts))
        _picture(amy, file)
        if not is_readme:
            _picture_other_views(amy, site, file, texts)
    finally:
        visitors.close()
        site.close()


def _picture_other_views(amy: Visitor, site: ProcessSite, file: Path, texts: list[str]) -> None:
    """Take pictures of the menu, of a search, of a note's actions, and of a note that waits while the notebook is away."""
    amy.page.locator("#open-menu").click()
    _picture(amy, file.with_name(f"{file.name}-menu"))
    amy.page.keyboard.press("Escape")
    amy.search(texts[1][0] if texts is CHINESE else "milk")
    amy.page.locator("mark").first.wait_for()
    _picture(amy, file.with_name(f"{file.name}-search"))
    amy.page.keyboard.press("Escape")
    amy.sees(texts[3])
    amy.note(texts[3]).locator("button.more").click()
    _picture(amy, file.with_name(f"{file.name}-actions"))
    amy.page.keyboard.press("Escape")
    site.server.kill()
    amy.write(texts[3])
    amy.page.locator("body.away #waiting article").wait_for()
    _picture(amy, file.with_name(f"{file.name}-away"))


def _picture(amy: Visitor, file: Path) -> None:
    amy.page.evaluate("document.getAnimations().forEach((each) => each.finish())")
    amy.page.screenshot(path=file.with_name(f"{file.name}.png"), animations="disabled", caret="hide")


if __name__ == "__main__":
    parser = ArgumentParser(prog="python -m tests.screenshots", description="Write pictures of the page.")
    parser.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help="default: docs/, with the two of the README")
    chosen: Path | None = parser.parse_args().folder
    main(chosen or DOCS, is_readme=chosen is None)
