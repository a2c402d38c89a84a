"""Every page in a real browser: no complaint, no request, readable for everybody (axe-core, AA)."""

import pathlib

import pytest
from injected_pages import PAGES

SIZES = {"desktop": (1200, 900), "phone": (390, 844)}
OFTEN = ("runs compared", "sampler", "reader's page")  # the others with -m slow
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@pytest.fixture(scope="module")
def axe():
    """The source of axe-core."""
    package = pytest.importorskip("axe_playwright_python")
    return (pathlib.Path(package.__file__).parent / "axe.min.js").read_text()


def opened(browser, path, size, scheme, **options):
    """A page that is loaded, with what it said and asked for."""
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, **options
    )
    page = context.new_page()
    page.said, page.asked = [], []
    page.on("console", lambda message: page.said.append(message.text))
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.on("request", lambda request: page.asked.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_load_state("load")
    return page


@pytest.fixture
def written(tmp_path):
    def written(kind):
        (tmp_path / "page.html").write_text(PAGES[kind](tmp_path, str), "utf-8")
        return tmp_path / "page.html"

    return written


@pytest.mark.parametrize(
    "kind", [pytest.param(k, marks=() if k in OFTEN else pytest.mark.slow) for k in PAGES]
)
def test_every_page_is_readable_by_everybody(kind, browser, axe, written):
    path = written(kind)
    for size, scheme in (("desktop", "light"), ("phone", "dark")):
        page = opened(browser, path, size, scheme, bypass_csp=True)  # axe is no part of the page
        if kind == "reader's page":
            page.locator("#begin").wait_for()
        assert page.said == []
        assert [url for url in page.asked if not url.startswith(("file:", "data:"))] == []
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= SIZES[size][0], f"{size}: {wide} pixels"
        page.evaluate(axe)
        found = page.evaluate("rules => axe.run({runOnly: {type: 'tag', values: rules}})", RULES)
        told = [
            (each["id"], [node["html"][:120] for node in each["nodes"]][:3])
            for each in found["violations"]
        ]
        assert told == [], (kind, size, scheme)
        assert found["passes"]
        page.context.close()


def test_a_narrow_screen_shows_values_of_the_first_run_compared(browser, written):
    page = opened(browser, written("runs compared"), "phone", "light")
    value = page.locator("table.results tbody tr").first.locator("td").nth(1).bounding_box()
    assert value["x"] + value["width"] <= SIZES["phone"][0]
    page.context.close()


def test_scripts_enlarge_pictures_and_move_through_sheets(browser, written):
    page = opened(browser, written("sampler"), "desktop", "light")
    latest = page.locator("figure.latest > img")
    before = latest.get_attribute("src")
    page.locator(".slider input").fill("0")
    assert latest.get_attribute("src") != before
    page.locator("button.enlarge").first.click()
    assert page.locator("dialog.zoom").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("dialog.zoom").is_visible()
    page.context.close()


def test_without_scripts_everything_is_there(browser, written):
    page = opened(browser, written("sampler"), "desktop", "light", java_script_enabled=False)
    assert page.locator(".slider").count() == 0
    page.locator("details.earlier summary").click()
    assert page.locator(".timeline img").first.is_visible()
    page.context.close()
