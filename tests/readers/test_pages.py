"""The page of a reader, as a text."""

import dataclasses
import html
import json
import re

import pytest
import tiny_reader_study

from dermgan_jax.readers import pages
from dermgan_jax.readers.design import Block
from dermgan_jax.readers.folder import StudyFolder

AA = 4.5  # WCAG: contrast of text


@pytest.fixture
def folder(tmp_path):
    design = tiny_reader_study.tiny_design(
        title="Real <or> synthetic?", blocks=(Block(1, 1, practice=True), Block(3, 3))
    )
    return tiny_reader_study.write_tiny_study(tmp_path / "study", design)


def data_of(page):
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])


def test_there_is_a_page_for_each_reader_with_its_images(folder):
    written = pages.write_offline_pages(folder)
    assert written == [folder.page("ann"), folder.page("bob")]
    for reader in ("ann", "bob"):
        study = data_of(folder.page(reader).read_text("utf-8"))["study"]
        items = folder.read_orders()[reader]
        assert study["reader"] == reader
        assert study["items"] == [[item.image, item.block] for item in items]
        assert set(study["images"]) == {item.image for item in items}


def test_an_offline_page_holds_no_truth_but_that_of_practice(folder):
    key = folder.read_key()
    pages.write_offline_pages(folder)
    study = data_of(folder.page("ann").read_text("utf-8"))["study"]
    assert study["truths"] == {row.image: row.truth for row in key.values() if row.practice}
    assert len({len(image) for image in study["images"].values()}) == 1
    for row in key.values():
        study["images"].pop(row.image)
    study.pop("truths")
    assert study["told"] is None
    assert study["blocks"] == [{"num": 2, "practice": True}, {"num": 6, "practice": False}]


def test_pages_do_not_depend_on_the_truth(folder, tmp_path):
    """With all truths of counted images turned round, not a byte changes."""
    pages.write_offline_pages(folder)
    before = folder.page("ann").read_bytes()
    other = {"real": "fake", "fake": "real"}
    folder.write_key(
        [
            row if row.practice else dataclasses.replace(row, truth=other[row.truth])
            for row in folder.read_key().values()
        ]
    )
    pages.write_offline_pages(folder)
    assert folder.page("ann").read_bytes() == before


def test_a_served_page_holds_no_image_and_no_study(folder):
    page = pages.served_page(folder.read_design())
    assert data_of(page)["study"] is None
    for image in folder.read_key():
        assert image not in page
    assert "token" not in page


def test_no_page_names_another_place(folder):
    pages.write_offline_pages(folder)
    served = pages.served_page(folder.read_design())
    for page in (served, folder.page("ann").read_text("utf-8")):
        assert not re.search(r"(https?:)?//[a-z0-9]", re.sub(r"data:image[^\"]*", "", page))
        for source in re.findall(r"\b(?:src|href)=\"([^\"]*)\"", page):
            assert source.startswith("data:")


def test_only_the_program_of_the_page_may_run(folder):
    pages.write_offline_pages(folder)
    page = folder.page("ann").read_text("utf-8")
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1])
    assert policy == pages.policy(served=False)
    for each in (policy, pages.policy(served=True)):
        assert each.startswith("default-src 'none'")
        assert "unsafe" not in each
    assert not re.search(r"\son\w+=|\sstyle=|javascript:", page.partition("<script")[0])


def test_titles_and_texts_cannot_break_out(folder):
    bad = "</script><script>alert(1)</script>"
    design = dataclasses.replace(
        folder.read_design(), title=bad, texts={"view.next": bad, "note.link": bad}
    )
    page = pages.served_page(design)
    assert bad not in page
    assert data_of(page)["texts"]["note.link"] == bad


def test_texts_of_the_design_are_used(folder):
    design = dataclasses.replace(
        folder.read_design(), texts={"view.next": "Weiter", "language": "de"}
    )
    page = pages.served_page(design)
    assert '<html lang="de"' in page
    assert "Weiter" in page
    assert "Pause" in page


def test_colours_have_contrast():
    style = (pages.HERE / "page.css").read_text("utf-8")
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", style))

    def luminance(name):
        values = [int(colours[name][i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
        return sum(w * v for w, v in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    def contrast(a, b):
        bright, dark = sorted((luminance(a), luminance(b)), reverse=True)
        return (bright + 0.05) / (dark + 0.05)

    for ink in ("ink", "quiet"):
        for ground in ("surround", "panel", "raised"):
            assert contrast(ink, ground) >= AA, (ink, ground)
    assert contrast("on-chosen", "chosen") >= AA
    assert contrast("surround", "note") >= AA
    for mark in ("line", "focus"):  # of controls: 3
        for ground in ("surround", "panel"):
            assert contrast(mark, ground) >= 3, (mark, ground)
    greys = [colours[name] for name in ("surround", "panel", "raised")]
    assert all(len({grey[1:3], grey[3:5], grey[5:7]}) == 1 for grey in greys)


def test_folder_of_pages_is_apart_from_the_key(folder):
    pages.write_offline_pages(folder)
    assert folder.private not in folder.page("ann").parents
    assert StudyFolder(folder.path).pages == folder.path / "pages"
