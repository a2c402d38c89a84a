"""Readers at work in a real browser: nothing is lost, nothing is doubled, nothing leaves."""

import signal
import subprocess

from playwright.sync_api import expect
from reader_at_work import (
    REPOSITORY,
    Process,
    answer,
    at_image,
    begin,
    command,
    make_study,
    order_of,
    served,
    stored,
)


def focus(page):
    """What the browser tells a window to which its reader comes back."""
    page.evaluate("window.dispatchEvent(new Event('focus'))")


def test_two_readers_answer_a_study_by_keyboard(tmp_path, reader):
    folder = make_study(tmp_path / "study")
    process = Process(folder)
    ann, bob = reader(process.links["ann"]), reader(process.links["bob"])
    begin(ann)
    begin(bob)
    keys = "rs12rsrs"
    for number, key in enumerate(keys, 1):
        answer(ann, number, key)
        answer(bob, number, "2")
        if number == 4:  # a reload in the middle
            bob.reload()
            expect(bob.locator("#start-answered")).to_have_text("4 of 8 answered")
            begin(bob)
    expect(ann.locator("#review-list li")).to_have_count(8)
    ann.locator("#review-list button").nth(1).click()
    answer(ann, 2, "r")
    expect(ann.locator("#review")).to_be_visible()
    for page in (ann, bob):
        page.keyboard.press("Enter")
        expect(page.locator("#finish-about")).to_have_text(
            "All 8 answers are stored. You can close this page."
        )
    images = order_of(folder)
    found = stored(folder)
    assert [each.image for each in found] == [*images, images[1]]
    expected = ["fake" if key in "s2" else "real" for key in keys]
    assert [each.answers["real"] for each in found] == [*expected, "real"]
    assert all(0 <= each.seconds < 60 for each in found)
    assert [each.image for each in stored(folder, "bob")] == order_of(folder, "bob")
    assert process.end() == 0
    assert "stopped" in process.process.stdout.read()


def test_a_killed_server_loses_and_doubles_nothing(tmp_path, reader):
    folder = make_study(tmp_path / "study")
    process = Process(folder)
    page = reader(process.links["ann"])
    begin(page)
    answer(page, 1, "r")
    at_image(page, 2)
    process.end(signal.SIGKILL)
    assert [each.image for each in stored(folder)] == order_of(folder)[:1]
    page.keyboard.press("s")
    page.keyboard.press("Enter")
    expect(page.locator("#note-text")).to_contain_text("No connection")
    assert page.locator("#progress").inner_text() == "2 of 8"  # it waits
    process = Process(folder, process.port)
    answer(page, 3, "r")
    expect(page.locator("#note-text")).to_contain_text("connection is back")
    at_image(page, 4)
    assert [each.image for each in stored(folder)] == order_of(folder)[:3]
    assert [each.answers["real"] for each in stored(folder)] == ["real", "fake", "real"]
    process.end(signal.SIGKILL)


def test_a_wrong_link_shows_nothing(tmp_path, reader):
    with served(make_study(tmp_path / "study")) as link:
        page = reader(f"{link}nobody")
        assert "not valid" in page.locator("body").inner_text()
        assert page.locator("#question").count() == 0


def test_a_cut_network_loses_and_doubles_nothing(tmp_path, reader):
    folder = make_study(tmp_path / "study")
    with served(folder) as link:
        page = reader(f"{link}ann")
        begin(page)
        answer(page, 1, "r")
        at_image(page, 2)
        page.context.set_offline(True)
        answer(page, 2, "s")
        expect(page.locator("#note-text")).to_contain_text("No connection")
        kept = page.evaluate("Object.keys(localStorage).filter((key) => key.includes('pending'))")
        assert len(kept) == 1
        page.keyboard.press("1")  # what is on its way cannot be changed
        page.context.set_offline(False)
        at_image(page, 3)
        assert page.evaluate("Object.keys(localStorage).length") == 0
        # The answer arrives, and what the server says about it does not.
        page.route("**/answers", lose_the_reply, times=1)
        answer(page, 3, "r")
        at_image(page, 4)
        # The window is closed while an answer waits.
        page.context.set_offline(True)
        answer(page, 4, "s")
        expect(page.locator("#note")).to_be_visible()
        context = page.context
        page.close(run_before_unload=False)
        context.set_offline(False)
        page = reader(f"{link}ann", context)
        begin(page)
        at_image(page, 5)
    assert [each.image for each in stored(folder)] == order_of(folder)[:4]
    assert [each.answers["real"] for each in stored(folder)] == ["real", "fake", "real", "fake"]


def lose_the_reply(route):
    route.fetch()
    route.abort()


def two_windows(reader, link):
    """Two windows of one reader, both at the first image."""
    first = reader(f"{link}ann")
    second = reader(f"{link}ann", first.context)
    for page in (first, second):
        begin(page)
        at_image(page, 1)
    return first, second


def test_two_windows_of_a_reader(tmp_path, reader):
    folder = make_study(tmp_path / "study")
    with served(folder) as link:
        first, second = two_windows(reader, link)
        answer(first, 1, "r")
        answer(first, 2, "r")
        at_image(first, 3)
        focus(second)  # the reader comes to the other window: it goes where the first one is
        at_image(second, 3)
        expect(second.locator("#note-text")).to_contain_text("another window")
        # On two machines no window gets the focus: the later answer revises, and it is said.
        answer(first, 3, "r")
        at_image(first, 4)
        answer(second, 3, "s")
        at_image(second, 4)
        expect(second.locator("#note-text")).to_contain_text("another window")
    images = order_of(folder)
    assert [each.image for each in stored(folder)] == [*images[:3], images[2]]
    assert stored(folder)[-1].answers == {"real": "fake"}


def test_a_second_window_cannot_change_a_final_answer(tmp_path, reader):
    folder = make_study(tmp_path / "study", revisable=False)
    with served(folder) as link:
        first, second = two_windows(reader, link)
        answer(first, 1, "r")
        at_image(first, 2)
        answer(second, 1, "s")
        at_image(second, 2)
        expect(second.locator("#note-text")).to_contain_text("another window")
        for number in range(2, 9):
            second.keyboard.press("ArrowLeft")  # there is no way back
            answer(second, number, "s")
        expect(second.locator("#finish")).to_be_visible()
        expect(second.locator("#to-review")).to_be_hidden()
    assert [each.image for each in stored(folder)] == order_of(folder)
    assert stored(folder)[0].answers == {"real": "real"}


def test_ctrl_c_and_a_port_in_use(tmp_path):
    folder = make_study(tmp_path / "study")
    process = Process(folder)
    other = subprocess.run(
        command(folder, process.port), cwd=REPOSITORY, capture_output=True, text=True
    )
    assert other.returncode == 2
    assert other.stderr.startswith(f"error: port {process.port}")
    assert process.end() == 0
