"""Readers at work in a real browser: nothing is lost, nothing is doubled, nothing leaves."""

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import tiny_reader_study
from playwright.sync_api import expect, sync_playwright

from dermgan_jax import files
from dermgan_jax.readers import entries, pages, self_test, server
from dermgan_jax.readers.answers import Answers
from dermgan_jax.readers.design import Block, question

REPOSITORY = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox"]
LAPTOP = {"width": 1366, "height": 768}
PHONE = {"width": 360, "height": 740}
OF_MINE = ("http://127.0.0.1:", "data:", "blob:", "file:")

expect.set_options(timeout=15_000)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")


@pytest.fixture(scope="module")
def playwright():
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def browser(playwright):
    opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    yield opened
    opened.close()


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


def make_study(path, **others):
    folder = tiny_reader_study.write_tiny_study(path, tiny_reader_study.tiny_design(**others))
    passed = {"released": True, "faults": [], "digest": self_test.digest(folder, folder.read_key())}
    files.write_text(folder.self_test, json.dumps(passed))
    return folder


@contextlib.contextmanager
def served(folder):
    """The address of a server in this process."""
    opened = server.open_server(folder, "127.0.0.1", 0)
    threading.Thread(target=opened.run, daemon=True).start()
    yield f"http://127.0.0.1:{opened.effective_port}/r/token-of-"
    opened.trigger.pull_trigger(opened.close)


def command(folder, port):
    program = [sys.executable, "-m", "dermgan_jax.main", "readers_serve"]
    return [*program, f"--workdir={folder.path}", f"--port={port}"]


class Process:
    """`dermgan readers_serve` as a process of its own."""

    def __init__(self, folder, port=0):
        self.process = subprocess.Popen(
            command(folder, port), cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
        )
        self.links = {}
        for line in self.process.stdout:
            if line.startswith("  "):
                name, link = line.split()
                self.links[name] = link
            if line.startswith("answers go to"):
                break
        self.port = int(self.links["ann"].split(":")[2].partition("/")[0])

    def end(self, how=signal.SIGINT):
        self.process.send_signal(how)
        return self.process.wait(timeout=20)


def at_image(page, number, total=8):
    expect(page.locator("#progress")).to_have_text(f"{number} of {total}")
    expect(page.locator("#image")).to_be_visible()


def begin(page):
    expect(page.locator("#begin")).to_be_visible()
    page.keyboard.press("Enter")


def answer(page, number, key, total=8):
    """Answers the image with that number and goes on."""
    at_image(page, number, total)
    page.keyboard.press(key)
    page.keyboard.press("Enter")


def stored(folder, name="ann"):
    opened = Answers(folder.answers)
    found = opened.of(name)
    opened.close()
    return found


def order_of(folder, name="ann"):
    return [item.image for item in folder.read_orders()[name]]


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


def test_two_windows_of_a_reader(tmp_path, reader):
    folder = make_study(tmp_path / "study")
    with served(folder) as link:
        first = reader(f"{link}ann")
        second = reader(f"{link}ann", first.context)
        for page in (first, second):
            begin(page)
            at_image(page, 1)
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
        first = reader(f"{link}ann")
        second = reader(f"{link}ann", first.context)
        for page in (first, second):
            begin(page)
            at_image(page, 1)
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


def test_practice_pauses_and_every_kind_of_question(tmp_path, reader):
    names = ("real", "confidence", "class", "realism", "comment")
    folder = make_study(
        tmp_path / "study",
        blocks=(Block(1, 0, practice=True), Block(1, 1), Block(1, 0)),
        questions=tuple(question(name, ("nv", "mel")) for name in names),
        classes=("nv", "mel"),
        told=True,
    )
    with served(folder) as link:
        page = reader(f"{link}ann")
        expect(page.locator("#start-facts")).to_contain_text("2 of the images are real")
        begin(page)
        expect(page.locator("#progress")).to_have_text("Practice 1 of 1")
        expect(page.locator("#image")).to_be_visible()
        page.keyboard.press("Enter")
        expect(page.locator("#live")).to_have_text("Answer first: Is this image real or synthetic?")
        for key in ("s", "6", "2", "7", "c"):
            page.keyboard.press(key)
        page.keyboard.type("r s 1 – Größe 皮膚 😀")
        page.keyboard.press("Escape")
        page.keyboard.press("ArrowRight")
        expect(page.locator("#feedback")).to_have_text("This image was real.")
        page.keyboard.press("r")  # too late
        page.locator("#to-pause").click()
        expect(page.locator("#pause-heading")).to_have_text("Pause")
        page.keyboard.press("Enter")
        expect(page.locator("#pause-heading")).to_have_text("Part 1 of 2")
        begin_next(page)
        at_image(page, 1, 3)
        page.locator("#to-pause").click()
        expect(page.locator("#pause-heading")).to_have_text("Pause")
        begin_next(page)
        for number, at_end in ((1, False), (2, True)):
            at_image(page, number, 3)
            for key in ("r", "1", "3", "1"):
                page.keyboard.press(key)
            page.keyboard.press("Enter")
            if at_end:
                expect(page.locator("#pause-heading")).to_have_text("Part 2 of 2")
    found = stored(folder)
    assert found[0].answers == {
        "real": "fake",
        "confidence": "6",
        "class": "mel",
        "realism": "7",
        "comment": "r s 1 – Größe 皮膚 😀",
    }
    expected = {"real": "real", "confidence": "1", "class": "none", "realism": "1"}
    assert [each.answers for each in found[1:]] == [expected] * 2


def begin_next(page):
    page.keyboard.press("Enter")
    expect(page.locator("#question")).to_be_visible()


def test_an_image_is_hidden_when_its_time_is_over(tmp_path, reader):
    folder = make_study(tmp_path / "study", time_limit=1.0)
    with served(folder) as link:
        page = reader(f"{link}ann")
        begin(page)
        expect(page.locator("#stage-text")).to_contain_text("time for this image is over")
        expect(page.locator("#image")).to_be_hidden()
        page.reload()  # does not give it back
        begin(page)
        expect(page.locator("#stage-text")).to_contain_text("time for this image is over")
        expect(page.locator("#image")).to_be_hidden()
        page.keyboard.press("r")
        page.keyboard.press("Enter")
        expect(page.locator("#progress")).to_have_text("2 of 8")
    assert len(stored(folder)) == 1
    assert stored(folder)[0].seconds < 5


def test_time_stands_still_while_the_page_is_hidden(tmp_path, reader):
    folder = make_study(tmp_path / "study")
    with served(folder) as link:
        page = reader(f"{link}ann")
        begin(page)
        at_image(page, 1)
        hide = (
            "(hidden) => { Object.defineProperty(document, 'hidden', {value: hidden, "
            "configurable: true}); document.dispatchEvent(new Event('visibilitychange')); }"
        )
        page.evaluate(hide, True)
        page.wait_for_timeout(1500)
        page.evaluate(hide, False)
        answer(page, 1, "r")
        at_image(page, 2)
    assert stored(folder)[0].seconds < 1.4


def test_back_and_forth_keeps_first_and_final_answers(tmp_path, reader):
    folder = make_study(tmp_path / "study")
    with served(folder) as link:
        page = reader(f"{link}ann")
        begin(page)
        answer(page, 1, "r")
        answer(page, 2, "r")
        at_image(page, 3)
        page.keyboard.press("ArrowLeft")
        at_image(page, 2)
        page.keyboard.press("Enter")  # seen again and left alone: no new answer
        at_image(page, 3)
        page.keyboard.press("ArrowLeft")
        answer(page, 2, "s")
        at_image(page, 3)
    images = order_of(folder)
    assert [each.image for each in stored(folder)] == [images[0], images[1], images[1]]
    assert [each.answers["real"] for each in stored(folder)] == ["real", "real", "fake"]


def test_what_is_chosen_and_not_stored_outlives_a_closed_window(tmp_path, reader):
    folder = make_study(tmp_path / "study", revisable=False)
    with served(folder) as link:
        page = reader(f"{link}ann")
        begin(page)
        at_image(page, 1)
        page.keyboard.press("s")
        context = page.context
        page.close(run_before_unload=False)
        page = reader(f"{link}ann", context)
        begin(page)
        at_image(page, 1)
        assert stored(folder) == []
        expect(page.locator("[data-option=fake]")).to_have_attribute("aria-pressed", "true")
        page.keyboard.press("Enter")
        at_image(page, 2)
    assert stored(folder)[0].answers == {"real": "fake"}


def test_zoom_pan_and_pixels(tmp_path, reader):
    with served(make_study(tmp_path / "study")) as link:
        page = reader(f"{link}ann")
        begin(page)
        at_image(page, 1)

        def shown():
            return page.locator("#image").bounding_box()

        whole = shown()
        page.keyboard.press("+")
        assert shown()["width"] == pytest.approx(whole["width"] * 1.25, rel=0.01)
        page.mouse.move(whole["x"] + 50, whole["y"] + 50)
        page.mouse.wheel(0, -300)
        assert shown()["width"] > whole["width"] * 1.3
        for _ in range(3):
            page.keyboard.press("+")
        before = shown()
        page.mouse.down()
        page.mouse.move(whole["x"] + 80, whole["y"] + 70)
        page.mouse.up()
        assert (shown()["x"], shown()["y"]) == pytest.approx((before["x"] + 30, before["y"] + 20))
        page.keyboard.press("Shift+ArrowRight")
        page.keyboard.press("0")
        assert shown() == whole
        page.keyboard.press("p")
        assert page.evaluate("getComputedStyle(image).imageRendering") == "pixelated"
        expect(page.locator("#scale")).to_contain_text("single pixels")
        assert page.locator("#image").get_attribute("alt") == "image 1 of 8"
        assert page.locator("#image").get_attribute("src").startswith("blob:")


@pytest.mark.parametrize("size", [PHONE, {"width": 740, "height": 360}, LAPTOP])
def test_targets_are_large_and_nothing_sticks_out(tmp_path, reader, size):
    names = ("real", "confidence", "class", "comment")
    questions = tuple(question(name, ("nv", "mel", "bkl", "bcc", "df")) for name in names)
    with served(make_study(tmp_path / "study", questions=questions)) as link:
        page = reader(f"{link}ann", viewport=size, has_touch=True)
        expect(page.locator("#begin")).to_be_visible()
        for screen in ("start", "question", "pause"):
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), screen
            for button in page.locator("button:visible, label.button:visible").all():
                box = button.bounding_box()
                assert box["height"] >= 44, (screen, button.inner_text(), box)
                narrow = button.get_attribute("data-option") and size is PHONE
                assert box["width"] >= (40 if narrow else 44), (screen, button.inner_text(), box)
            if screen == "start":
                page.locator("#begin").tap()
                expect(page.locator("#image")).to_be_visible()
                assert page.locator("#image").bounding_box()["height"] > 90
                assert page.evaluate("document.body.scrollHeight <= innerHeight")
                expect(page.locator("#next")).to_be_in_viewport()
            if screen == "question":
                page.locator("#to-pause").tap()


def test_an_offline_page_keeps_exports_and_resumes(tmp_path, playwright, reader):
    questions = (question("real"), question("comment"))
    folder = make_study(tmp_path / "study", questions=questions)
    pages.write_offline_pages(folder)
    url = folder.page("ann").as_uri()

    def profile():
        return playwright.chromium.launch_persistent_context(
            tmp_path / "profile", executable_path=CHROMIUM, args=FLAGS
        )

    with profile() as context:
        page = reader(url, context)
        begin(page)
        for number in (1, 2, 3):
            at_image(page, number)
            page.keyboard.press("c")
            page.keyboard.type(f"Bild {number}: naïve – 皮膚 😀\n=")
            page.keyboard.press("Escape")
            answer(page, number, "s")
        at_image(page, 4)
        page.close()
    with profile() as context:  # another day
        page = reader(url, context)
        expect(page.locator("#start-answered")).to_have_text("3 of 8 answered")
        begin(page)
        answer(page, 4, "r")
        at_image(page, 5)
        page.locator("#to-pause").click()
        half = download(page, "#pause", tmp_path / "half.json")
    # On another machine, where the browser knows nothing.
    page = reader(url)
    expect(page.locator("#begin")).to_have_text("Start")
    load = page.locator("#start .load-file")
    wrong = tmp_path / "wrong.json"
    for text, said in (
        ("{}", "no answers file"),
        (half.replace("Bild 1", "Bild 9"), "edited or damaged"),
        (half.replace(folder.read_design().study, "f" * 16), "another study"),
    ):
        wrong.write_text(text, "utf-8")
        load.set_input_files(wrong)
        expect(page.locator("#note-text")).to_contain_text(said)
    load.set_input_files(tmp_path / "half.json")
    expect(page.locator("#note-text")).to_have_text("4 answers were loaded.")
    begin(page)
    for number in range(5, 9):
        answer(page, number, "r")
    expect(page.locator("#review")).to_be_visible()
    page.keyboard.press("Enter")
    text = download(page, "#finish", tmp_path / "whole.json")
    design, images = folder.read_design(), {"ann": order_of(folder)}
    name, found = entries.read_answers_file(text, design, images)
    assert name == "ann"
    assert [each.image for each in found] == images["ann"]
    assert [each.answers["real"] for each in found] == ["fake"] * 3 + ["real"] * 5
    assert found[0].answers["comment"] == "Bild 1: naïve – 皮膚 😀\n="


def download(page, screen, path):
    with page.expect_download() as waiting:
        page.locator(f"{screen} .save-file").click()
    waiting.value.save_as(path)
    return path.read_text("utf-8")


def test_two_windows_of_an_offline_page(tmp_path, reader):
    folder = make_study(tmp_path / "study", blocks=(Block(1, 0, practice=True), Block(1, 2)))
    pages.write_offline_pages(folder)
    first = reader(folder.page("ann").as_uri())
    second = reader(folder.page("ann").as_uri(), first.context)
    for page in (first, second):
        begin(page)
        expect(page.locator("#image")).to_be_visible()
    first.keyboard.press("s")
    first.keyboard.press("Enter")
    expect(first.locator("#feedback")).to_have_text("This image was real.")
    second.keyboard.press("r")
    second.keyboard.press("Enter")
    expect(second.locator("#note-text")).to_contain_text("another window")
    first.keyboard.press("Enter")
    begin_next(first)
    begin_next(second)
    answer(first, 1, "s", 3)
    at_image(first, 2, 3)
    answer(second, 1, "r", 3)
    at_image(second, 2, 3)
    text = download_file(second)
    _, found = entries.read_answers_file(text, folder.read_design(), {"ann": order_of(folder)})
    assert [each.answers["real"] for each in found] == ["fake", "fake", "real"]


def download_file(page):
    """The answers file as the page would hand it to the browser."""
    return page.evaluate("store.file()")


def test_the_page_and_the_program_compute_the_same_checksum(tmp_path, reader):
    folder = make_study(tmp_path / "study")
    pages.write_offline_pages(folder)
    page = reader(folder.page("ann").as_uri())
    listed = [
        {
            "id": f"entry-{number}",
            "image": "0" * 16,
            "answers": {"real": "fake", "comment": text, "class": "nv"},
            "seconds": seconds,
            "at": "2026-01-02T03:04:05.678Z",
        }
        for number, (text, seconds) in enumerate(
            [
                ("", 0),
                ("é=ü\n", 0.1),
                ("皮膚 😀 \u2028", 12345.6),
                ('"\\\t\0', 0.3),
                ("x" * 2000, 7),
            ]
        )
    ]
    for study, name, some in (("s", "ann", []), ("0123", "Zoë 😀", listed)):
        found = page.evaluate("([a, b, c]) => checksum(a, b, c)", [study, name, some])
        assert found == entries.checksum(study, name, some)


def test_who_leaves_with_an_unsaved_choice_is_warned(tmp_path, reader):
    with served(make_study(tmp_path / "study")) as link:
        page = reader(f"{link}ann")
        begin(page)
        at_image(page, 1)
        page.keyboard.press("r")
        asked = []
        page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
        page.close(run_before_unload=True)
        page.wait_for_timeout(300)
        assert asked == ["beforeunload"]
        page.keyboard.press("Enter")
        at_image(page, 2)


def test_ctrl_c_and_a_port_in_use(tmp_path):
    folder = make_study(tmp_path / "study")
    process = Process(folder)
    other = subprocess.run(
        command(folder, process.port), cwd=REPOSITORY, capture_output=True, text=True
    )
    assert other.returncode == 2
    assert other.stderr.startswith(f"error: port {process.port}")
    assert process.end() == 0
