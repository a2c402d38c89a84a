"""Pages with programs in every text, opened in a real browser: none of them runs."""

import pytest
from injected_pages import PAGES, PAYLOADS


def opened(browser, path):
    """A page after it has loaded; `said` has everything that it did or complained of."""
    page = browser.new_page()
    page.said = []
    page.on("dialog", lambda dialog: (page.said.append(dialog.message), dialog.dismiss()))
    page.on("console", lambda message: page.said.append(message.text))
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.goto(path.as_uri())
    page.wait_for_load_state("load")
    return page


@pytest.mark.slow
@pytest.mark.parametrize("kind", PAGES)
def test_no_program_runs_but_the_page_s_own(kind, browser, tmp_path):
    html = PAGES[kind](tmp_path, lambda text: text + "".join(PAYLOADS))
    (tmp_path / "page.html").write_text(html, "utf-8")
    page = opened(browser, tmp_path / "page.html")
    if kind == "reader's page":
        page.locator("#begin").wait_for()  # which the page's program shows
    assert page.said == []
    page.close()


@pytest.mark.slow
def test_the_policy_stops_a_program_that_got_in(browser, tmp_path):
    """Or else that nothing ran would prove nothing of the policy."""
    html = PAGES["sampler"](tmp_path, str)
    intruder = "<script>alert(1)</script><img src=x onerror=alert(2)></body>"
    (tmp_path / "page.html").write_text(html.replace("</body>", intruder), "utf-8")
    page = opened(browser, tmp_path / "page.html")
    assert page.said
    assert all("Content Security Policy" in text for text in page.said)
    page.close()
