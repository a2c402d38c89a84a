"""The page that needs no server, in a real browser."""

from playwright.sync_api import expect
from reader_at_work import answer, at_image, begin, begin_next, make_study, order_of

from dermgan_jax.readers import entries, pages
from dermgan_jax.readers.design import Block, question


def test_an_offline_page_keeps_exports_and_resumes(tmp_path, open_profile, reader):
    questions = (question("real"), question("comment"))
    folder = make_study(tmp_path / "study", questions=questions)
    pages.write_offline_pages(folder)
    url = folder.page("ann").as_uri()

    with open_profile(tmp_path / "profile") as context:
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
    with open_profile(tmp_path / "profile") as context:  # another day
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
    text = second.evaluate("store.file()")
    _, found = entries.read_answers_file(text, folder.read_design(), {"ann": order_of(folder)})
    assert [each.answers["real"] for each in found] == ["fake", "fake", "real"]


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
