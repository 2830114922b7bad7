"""`python -m tests.ux.run`: start the demo town, look at every page in three languages; then at the page for passwords.

Then a page full of faults is looked at: every kind of line must be able to fail.
Arguments are slugs of pages (default: all of them). The last line is `N passed, N failed`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.browser.passkey_site import serving_passkeys
from tests.browser.town import running_town
from tests.ux.bad_site import EXPECTED, serving_bad_page
from tests.ux.check import check_page, check_pages, report
from tests.ux.lens import CHROMIUM, FLAGS, HERE, Lens, Target
from tests.ux.lines import Line
from tests.ux.passkey_scenes import passkeys
from tests.ux.password_site import password_page, serving_password_page
from tests.ux.scenes import scenes


def main() -> int:
    """Check the pages of a town of our own."""
    wanted = frozenset(sys.argv[1:])
    pictures = HERE / "out"
    pictures.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        passed, failed = _town(browser, pictures, wanted)
        if not wanted or any("passkey" in slug for slug in wanted):
            good, bad = _passkeys(browser, pictures, wanted)
            passed, failed = passed + good, failed + bad
        if not wanted or "password" in wanted:
            good, bad = _password(browser, pictures)
            passed, failed = passed + good, failed + bad
        if not wanted or "bad" in wanted:
            good, bad = report("the checker sees a bad page", _proof(Lens(browser, pictures)))
            passed, failed = passed + good, failed + bad
        browser.close()
    sys.stdout.write(f"\n{passed} passed, {failed} failed\n")
    return 1 if failed or not passed else 0


def _town(browser: Browser, pictures: Path, wanted: frozenset[str]) -> tuple[int, int]:
    with (
        tempfile.TemporaryDirectory(prefix="preau-ux-") as folder,
        running_town(Path(folder), "--registration", "--desk") as town,
    ):
        # One after the other: a login that a page wants fresh is made just before it is looked at.
        targets = (target for target in scenes(browser, town) if not wanted or target.slug in wanted)
        return check_pages(Lens(browser, pictures), targets)


def _passkeys(browser: Browser, pictures: Path, wanted: frozenset[str]) -> tuple[int, int]:
    """The pages that only a site with a name has."""
    with tempfile.TemporaryDirectory(prefix="preau-ux-") as folder, serving_passkeys(Path(folder)) as site:
        targets = (target for target in passkeys(browser, site) if not wanted or target.slug in wanted)
        return check_pages(Lens(browser, pictures), targets)


def _password(browser: Browser, pictures: Path) -> tuple[int, int]:
    """The page that the demo town does not have."""
    with tempfile.TemporaryDirectory(prefix="preau-ux-") as folder, serving_password_page(Path(folder)) as origin:
        return check_pages(Lens(browser, pictures), [password_page(browser, origin)])


def _proof(lens: Lens) -> list[Line]:
    """Every kind of line that can fail on a bad page does."""
    with serving_bad_page() as url:
        lines = check_page(lens, Target(url, "sign_in", "bad"), ("ar",))
    fallen = {line.name.split(" ≥")[0].split(" ≤")[0] for line in lines if not line.good}
    return [Line(f"fails on the bad page: {name}", name in fallen, name in fallen) for name in EXPECTED]


if __name__ == "__main__":
    sys.exit(main())
