"""What the tests of readers' pages do with a browser."""

import pytest
from chromium import CHROMIUM, FLAGS

LAPTOP = {"width": 1366, "height": 768}
OF_MINE = ("http://127.0.0.1:", "data:", "blob:", "file:")


@pytest.fixture
def open_profile(playwright):
    """Opens a browser that keeps what pages store in a folder."""

    def open_profile(folder):
        return playwright.chromium.launch_persistent_context(
            folder, executable_path=CHROMIUM, args=FLAGS
        )

    return open_profile


@pytest.fixture
def reader(browser):
    """Opens a reader's page in a browser of its own; checks what it asked for in the end."""
    asked, wrong, contexts = [], [], []

    def open_page(url, context=None, **options):
        if context is None:
            context = browser.new_context(**{"viewport": LAPTOP, **options})
            contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: "Policy" in said.text and wrong.append(said.text))
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert asked
    assert [url for url in asked if not url.startswith(OF_MINE)] == []
    assert wrong == []
