"""Designs, orders, plans, and the files of images."""

import dataclasses
import io
import json

import numpy as np
import pytest
from PIL import Image
from tiny_reader_study import tiny_design, write_tiny_study

from dermgan_jax.errors import UserError
from dermgan_jax.readers import encoding, order, planning, request
from dermgan_jax.readers.design import FAKE, PRESETS, REAL, Block, Design, Reader, question
from dermgan_jax.readers.folder import KeyRow
from dermgan_jax.readers.request import Asked


def test_a_design_survives_its_file():
    design = tiny_design(questions=(question("real"), question("class", ("mel", "nv"))))
    assert Design.from_json(json.dumps(design.to_json())) == design
    with pytest.raises(ValueError, match="study is missing"):
        Design.from_json('{"readers": []}')
    secret = dataclasses.replace(design, seed=2**62 - 1)
    assert Design.from_json(json.dumps(secret.to_json())) == secret
    for seed in (2**63, -(2**60)):
        with pytest.raises(ValueError, match="where a whole number is expected"):
            Design.from_json(json.dumps({**design.to_json(), "seed": seed}))
    with pytest.raises(ValueError, match="'7' where a whole number is expected"):
        Design.from_json(json.dumps({**design.to_json(), "seed": "7"}))


def test_the_presets_are_those_of_the_papers():
    turing = request.design_of(Asked("r", ("f",), "turing", 0))
    assert (turing.num_real, turing.num_fake, len(turing.readers)) == (50, 30, 8)
    assert [reader.group for reader in turing.readers].count("dermatologists") == 3
    asked = Asked("r", ("f",), "questionnaire", 0)
    questionnaire = request.design_of(asked)
    assert [(block.num_real, block.num_fake) for block in questionnaire.blocks] == [(5, 20)] * 4
    questions = request.questions_of(asked, ("bacterial", "viral"))
    assert questions[1].options == ("bacterial", "viral", "none")
    assert set(PRESETS) == {"turing", "questionnaire"}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"num_real": 3}, "ask for 5 of each"),
        ({"num_fake": 8, "sections": 9}, "9 sections need as many"),
        ({"readers": "a,A"}, "names a reader twice"),
        ({"readers": "../a"}, "no name of up to 64 letters"),
        ({"readers": "0"}, "from 1 to 200"),
        ({"readers": "a:all"}, "cannot be called 'all'"),
    ],
)
def test_what_a_design_cannot_be(changes, named):
    with pytest.raises(UserError, match=named):
        request.design_of(Asked("r", ("f",), "turing", 0, **changes))


@pytest.mark.parametrize(
    ("questions", "named"),
    [
        (("confidence",), "begins with 'real'"),
        (("real", "real"), "names one twice"),
        (("real", "class"), "needs classes"),
        (("real", "confidense"), "did you mean 'confidence'"),
    ],
)
def test_what_questions_cannot_be(questions, named):
    with pytest.raises(UserError, match=named):
        request.questions_of(Asked("r", ("f",), "turing", 0, questions=questions), ())


def test_readers_can_be_a_number_or_names_with_groups():
    assert request.readers("12")[0] == Reader("R01")
    assert request.readers("ann:doctors, bob") == (Reader("ann", "doctors"), Reader("bob"))


def _key(num, classes=("",)):
    return [
        KeyRow(f"{truth}{i:03d}", truth, classes[i % len(classes)], truth, str(i))
        for truth in (REAL, FAKE)
        for i in range(num)
    ]


def test_every_reader_sees_the_same_images_in_an_own_order():
    design = tiny_design(blocks=(Block(10, 10), Block(10, 10)))
    found = order.orders(design, _key(20, ("mel", "nv")))
    ann, bob = found["ann"], found["bob"]
    assert ann != bob
    assert sorted(ann, key=lambda item: item.image) == sorted(bob, key=lambda item: item.image)
    first = [item.image for item in ann if item.block == 0]
    key = {row.image: row for row in _key(20, ("mel", "nv"))}
    assert sum(key[name].truth == REAL for name in first) == 10
    assert sum(key[name].of_class == "mel" for name in first) == 10
    assert order.orders(design, _key(20, ("mel", "nv"))) == found


def test_readers_with_sets_of_their_own_share_no_image():
    design = tiny_design(same_images=False, blocks=(Block(5, 5),))
    found = order.orders(design, _key(10))
    assert not {i.image for i in found["ann"]} & {i.image for i in found["bob"]}
    with pytest.raises(UserError, match="needs 10 real images and has 9"):
        order.orders(design, _key(10)[1:])


def test_practice_images_are_not_counted_again(tmp_path):
    design = tiny_design(blocks=(Block(1, 1, practice=True), Block(4, 4)))
    folder = write_tiny_study(tmp_path / "study", design)
    practised = {row.image for row in folder.read_key().values() if row.practice}
    items = folder.read_orders()["ann"]
    assert {item.image for item in items if item.block == 0} == practised
    assert not {item.image for item in items if item.block == 1} & practised
    assert folder.read_design() == design


def test_ids_do_not_sort_by_truth():
    real = np.arange(80) < 50
    for seed in range(20):
        ids = order.new_ids(real, seed)
        assert len(set(ids)) == 80
        assert order.sorting_p(ids, real) > 0.2


@pytest.mark.parametrize("channels", [1, 3])
def test_files_have_one_length_and_the_pixels_they_were_given(channels):
    images = [
        np.zeros((20, 20, channels)),
        np.random.default_rng(0).integers(0, 256, (20, 20, channels)),
    ]
    images = [image.astype(np.uint8) for image in images]
    encoded = [encoding.encode(image) for image in images]
    assert len(encoded[0]) == len(encoded[1])
    for image, data in zip(images, encoded, strict=True):
        with Image.open(io.BytesIO(data)) as decoded:
            assert decoded.info == {}
            np.testing.assert_array_equal(np.asarray(decoded).reshape(image.shape), image)


def test_a_plan_is_surer_with_more_readers_and_images():
    few, many = planning.plan_of(3, 20, 80), planning.plan_of(8, 50, 30)
    assert many.half_width < few.half_width < 0.25
    assert many.smallest_difference > many.half_width
    assert planning.plan_of(30, 200, 200).half_width < many.half_width
    # A reader's own half-width is the binomial one: 9.8 points at 100 images.
    assert planning.plan_of(1, 50, 50).one_reader == pytest.approx(0.098, abs=5e-4)
    # The rarer kind decides how well balanced accuracy is known.
    assert planning.plan_of(8, 10, 90).half_width > planning.plan_of(8, 50, 50).half_width
    assert "too few to tell anything" in planning.plan_of(2, 6, 6).text()
    assert dataclasses.replace(many, readers=1).text().endswith("nothing is said of other readers.")


def test_a_class_cannot_have_the_name_of_no_class():
    with pytest.raises(UserError, match="a class is called 'none'"):
        question("class", ("mel", "none"))
