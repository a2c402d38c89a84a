"""The browser that pages are opened in: fixtures, of which tests/conftest.py knows."""

import shutil

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox"]


@pytest.fixture(scope="module")
def playwright():
    if CHROMIUM is None:
        pytest.skip("chromium is not installed; .ci/run installs it")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=15_000)
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def browser(playwright):
    opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    yield opened
    opened.close()
