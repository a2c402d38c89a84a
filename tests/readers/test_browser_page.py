"""What the page does with images, questions and time, in a real browser."""

import pytest
from playwright.sync_api import expect
from reader_at_work import answer, at_image, begin, begin_next, make_study, order_of, served, stored

from dermgan_jax.readers.design import Block, question

PHONE, LANDSCAPE = {"width": 360, "height": 740}, {"width": 740, "height": 360}
LAPTOP = {"width": 1366, "height": 768}


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


@pytest.mark.parametrize("size", [PHONE, LANDSCAPE, LAPTOP])
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
