"""What goes wrong when images are evaluated: the right value, or one message that says what to do.

Through the library and, where files are read, through the command line.
"""

import numpy as np
import pytest
from command_line import call
from PIL import Image

from dermgan_jax import evaluation
from dermgan_jax.errors import UserError
from dermgan_jax.features.extractor import batched
from dermgan_jax.metrics import (
    frechet,
    inception_score,
    kid,
    memorisation_informed,
    prdc,
    unit_length_mmd,
    vendi,
)

RANDOM = np.random.default_rng(0)
REAL = RANDOM.integers(0, 256, (60, 16, 16, 3), np.uint8)
FAKE = RANDOM.integers(0, 200, (40, 16, 16, 3), np.uint8)
# Features as a wide network's: positive, some always 0, more numbers than images.
WIDE = RANDOM.gamma(2, 0.4, (50, 2048)).astype(np.float32)
WIDE[:, :30] = 0


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("DERMGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("DERMGAN_WEIGHTS", str(tmp_path / "no weights"))


def write(images, folder, names=None, first=0):
    for i, image in enumerate(images, first):
        path = folder / (names[i] if names else "") / f"{i:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(path)
    return folder


def values(real, fake, *metrics, **options):
    found = evaluation.evaluate(real, fake, metrics, **options)
    return {row["metric"]: row["value"] for row in found.rows()}


def said(capsys, *flags):
    """Exit code of `evaluate`, and what it printed, error and output together."""
    code = call("evaluate", *flags)
    printed = capsys.readouterr()
    return code, printed.out + printed.err


@pytest.mark.parametrize(("n_real", "n_fake"), [(60, 3), (3, 60), (7, 400), (400, 7)])
def test_few_images_of_one_side_against_many_have_a_kernel_distance_with_an_error(n_real, n_fake):
    random = np.random.default_rng(1)
    draws = [
        kid.compute(random.normal(size=(n_real, 8)), random.normal(size=(n_fake, 8)) + 1, seed=i)[0]
        for i in range(60)
    ]
    fewest = min(n_real, n_fake)
    assert draws[0].protocol == f"kid:poly3:100x{fewest}"
    errors = [(one.interval[1] - one.interval[0]) / 3.92 for one in draws]
    assert 0.5 < np.mean(errors) / np.std([one.value for one in draws]) < 2


@pytest.mark.parametrize(("num", "enough"), [(1, False), (19, False), (20, True), (21, True)])
def test_fewer_images_than_two_for_each_split_of_the_inception_score(num, enough):
    logits = RANDOM.normal(size=(num, 10))
    if enough:
        assert np.isfinite(inception_score.compute(None, logits, seed=0)[0].value)
    else:
        with pytest.raises(UserError, match=f"{num} fake images are too few, .* at least 20"):
            inception_score.compute(None, logits, seed=0)


@pytest.mark.parametrize("offset", [0, 1e4])
def test_identical_and_nearly_identical_sets(offset):
    features = WIDE.astype(np.float64) + offset
    nearly = features + RANDOM.normal(0, 1e-6, features.shape)
    for other in (features, features[::-1], nearly):
        (distance,), (mmd,) = (
            module.compute(features, other, seed=0) for module in (frechet, unit_length_mmd)
        )
        (mifid,) = memorisation_informed.compute(features, other, seed=0)
        assert 0 <= distance.value < 1e-6
        assert -1e-15 < mmd.value < 1e-6
        assert np.isfinite(mifid.value)
        assert mifid.value >= 0
        for one in (distance, mmd, mifid):
            assert one.interval[0] <= one.value + 1e-12 <= one.interval[1] + 2e-12
        assert [one.value for one in prdc.compute(features, other, seed=0)][:2] == [1, 1]


def test_a_collapsed_side_is_told_from_the_other():
    """Many copies of one real image: precise, of no diversity. Swapped sides give the opposite."""
    collapsed = np.repeat(REAL[:1], 40, axis=0)
    found = values(REAL, collapsed, "prdc:pixels", "vendi:pixels", "diversity")
    assert found["precision:pixels"] == 1
    assert found["recall:pixels"] == 0
    assert found["coverage:pixels"] < 0.1
    assert found["vendi:pixels"] == pytest.approx(1)
    assert found["diversity"] == 0
    precise = WIDE + RANDOM.normal(0, 1e-3, WIDE.shape)
    around_one = prdc.compute(WIDE, WIDE[:1] + 0.1 * (precise - WIDE[:1]), seed=0)
    exchanged = prdc.compute(WIDE[:1] + 0.1 * (precise - WIDE[:1]), WIDE, seed=0)
    assert (around_one[0].value, around_one[1].value) == (1, pytest.approx(0, abs=0.1))
    assert (exchanged[0].value, exchanged[1].value) == (pytest.approx(0, abs=0.1), 1)


BLACK = np.zeros_like(REAL)
BLUE = np.full_like(REAL, (10, 20, 200))


@pytest.mark.parametrize(
    ("real", "fake", "warned"),
    [(REAL, BLACK, ["fake"]), (BLUE, REAL, ["real"]), (BLUE, BLACK, ["real", "fake"])],
)
def test_images_of_one_colour_are_told(real, fake, warned):
    found = evaluation.evaluate(real, fake, ("kd:pixels", "fd:pixels", "prdc:pixels", "swd"))
    assert all(np.isfinite(row["value"]) for row in found.rows())
    told = [line for line in found.warnings if "of one colour each" in line]
    assert [line.split(" of 16 images of ")[1].split()[0] for line in told] == warned


def test_a_side_that_is_one_picture_is_told():
    found = evaluation.evaluate(REAL, np.repeat(REAL[:1], 40, axis=0), "kd:pixels")
    assert any("of fake that were looked at are all the same picture" in w for w in found.warnings)


def test_sides_that_hold_the_same_images_are_told(tmp_path):
    """KID of a set and itself is below 0: it has no bias, and equal images count as far apart."""
    sides = write(REAL, tmp_path / "one"), write(REAL, tmp_path / "copy")
    found = evaluation.evaluate(*sides, ("fd:pixels", "kd:pixels"))
    assert abs(found["fd:pixels"].value) < 1e-9
    assert found["kd:pixels"].value < 0
    assert any("hold the same images" in line for line in found.warnings)
    other = evaluation.evaluate(sides[0], REAL[::-1], "kd:pixels")
    assert not any("hold the same images" in line for line in other.warnings)


def test_values_that_are_not_defined_are_told():
    found = evaluation.evaluate(BLACK, FAKE, ("diversity", "rarity:pixels", "fd:pixels"))
    assert np.isnan(found["diversity"].value)
    (line,) = [line for line in found.warnings if "not defined" in line]
    assert line == "warning: diversity, rarity:pixels: not defined by these images"


def test_features_without_a_direction_are_refused():
    for metric in (unit_length_mmd, vendi):
        with pytest.raises(
            UserError, match=r"fake side: the features of 40 images are all zero.*another"
        ):
            metric.compute(WIDE, np.zeros((40, 2048)), seed=0)
    with pytest.raises(UserError, match="real side: the features of 1 images are all zero"):
        unit_length_mmd.compute(np.vstack([WIDE, 0 * WIDE[:1]]), WIDE, seed=0)
    constant = unit_length_mmd.compute(np.ones((9, 4)), np.full((7, 4), 3.0), seed=0)
    assert constant[0].value == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("metric", ["kd:pixels", "fd:pixels", "prdc:pixels", "diversity"])
def test_a_single_image_on_a_side_is_refused(metric):
    with pytest.raises(UserError, match=r"1 (fake|images)"):
        evaluation.evaluate(REAL, FAKE[:1], metric)
    with pytest.raises(UserError, match=r"1 (real|images)"):
        evaluation.evaluate(REAL[:1], FAKE, metric)


def test_few_real_images_are_warned_of_where_real_against_real_cannot_be_had():
    found = evaluation.evaluate(REAL[:7], FAKE, ("kd:pixels", "fd:pixels"))
    assert found.rows()[0]["real_against_real"] is None
    text = "\n".join(found.warnings)
    assert "warning: 7 images are too few" in text
    assert "7 real images are too few for real against real of kd:pixels, fd:pixels" in text


@pytest.mark.parametrize(("num", "warned"), [(60, True), (800, False)])
def test_frechet_distances_of_fewer_images_than_numbers_are_warned_of(num, warned):
    many = np.random.default_rng(2).integers(0, 256, (num, 8, 8, 3), np.uint8)
    found = evaluation.evaluate(many, many[::-1], ("fd:pixels", "kd:pixels"))
    assert any("fd:pixels of 60 images is biased upwards" in w for w in found.warnings) == warned


@pytest.mark.parametrize(("num", "noted"), [(40, True), (30, False)])
def test_a_floor_of_fewer_images_is_too_high(num, noted):
    found = evaluation.evaluate(REAL, FAKE[:num], ("fd:pixels", "kd:pixels"))
    (line,) = [w for w in found.warnings if "higher than what could be reached" in w] or [""]
    assert ("fd:pixels (30 images, not 40)" in line) == noted
    assert "kd:pixels" not in line


def test_ranges_of_floats_give_one_value_or_a_refusal(tmp_path, capsys):
    real = write(REAL, tmp_path / "real")
    unit, signed = np.float32(FAKE) / 255, np.float32(FAKE) / 127.5 - 1
    files = {
        "bytes": {"images": FAKE},
        "signed": {"images": signed},
        "told": {"images": unit, "range": (0, 1)},
        "unit": {"images": unit},
        "nan": {"images": np.where(np.arange(16)[:, None] == 3, np.nan, signed)},
        "infinite": {"images": np.where(np.arange(16)[:, None] == 3, np.inf, signed)},
    }
    for name, arrays in files.items():
        np.savez(tmp_path / f"{name}.npz", **arrays)
    expected = values(real, FAKE, "kd:pixels")
    for name in ("bytes", "signed", "told"):
        assert values(real, tmp_path / f"{name}.npz", "kd:pixels") == expected
    sides = f"--real={real}", "--metrics=kd:pixels"
    code, text = said(capsys, *sides, f"--fake={tmp_path}/unit.npz")
    assert code == 2
    assert "may be in [0, 1] or in [-1, 1]" in text
    assert said(capsys, *sides, f"--fake={tmp_path}/unit.npz", "--range=0,1")[0] == 0
    for name in ("nan", "infinite"):
        code, text = said(capsys, *sides, f"--fake={tmp_path}/{name}.npz")
        assert code == 2
        assert "has NaN or infinite values" in text
    with pytest.raises(UserError, match="fake: floats with NaN or infinite values"):
        evaluation.evaluate(REAL, files["nan"]["images"], "kd:pixels")


def test_sizes_that_differ_within_a_folder_and_between_sides(tmp_path, capsys):
    real, other = write(REAL, tmp_path / "real"), write(FAKE[:, :8, :8], tmp_path / "other")
    write(FAKE, tmp_path / "mixed")
    write(FAKE[:1, :8], tmp_path / "mixed", first=77)
    for fake, told in ((other, "--resize=SIDE"), (tmp_path / "mixed", "077.png is 16x8 pixels")):
        code, text = said(capsys, f"--real={real}", f"--fake={fake}", "--metrics=kd:pixels")
        assert code == 2
        assert told in text
        with pytest.raises(UserError, match="bring"):
            evaluation.evaluate(real, fake, "kd:pixels")
    assert values(real, tmp_path / "mixed", "swd", resize=16)["swd"] > 0


@pytest.mark.parametrize(("num", "batch"), [(1, 8), (3, 8), (17, 16), (16, 16)])
def test_batches_that_are_not_full(num, batch):
    """Padding never reaches the features: one batch of all images gives the same."""
    matrix = RANDOM.normal(size=(768, 5)).astype(np.float32)

    def network(variables, images):
        return {"out": images.reshape(len(images), -1) @ variables}

    def extracted(size):
        return batched(lambda images: images.astype("float32"), network, matrix, size)(REAL[:num])

    found = extracted(batch)["out"]
    assert found.shape == (num, 5)
    expected = np.float32(REAL[:num]).reshape(num, -1) @ matrix
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-2)
    np.testing.assert_allclose(found, extracted(num)["out"], rtol=1e-4, atol=1e-2)


def damaged(content):
    return lambda path: path.write_bytes(content(path.read_bytes()))


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (damaged(lambda content: content[:300]), "010.png is truncated"),
        (damaged(lambda content: b""), "010.png is not an image"),
        (damaged(lambda content: b"hello"), "010.png is not an image"),
        (damaged(lambda content: content[:60] + bytes(40) + content[100:]), "010.png"),
    ],
)
def test_files_that_cannot_be_read_are_never_scored(damage, told, tmp_path, capsys):
    real, fake = write(REAL, tmp_path / "real"), write(FAKE, tmp_path / "fake")
    damage(fake / "010.png")
    for sides in ((f"--real={real}", f"--fake={fake}"), (f"--real={fake}", f"--fake={real}")):
        code, text = said(capsys, *sides, "--metrics=kd:pixels")
        assert code == 2
        assert told in text
        assert "replace or remove it" in text
    with pytest.raises(UserError, match=told.split()[0]):
        evaluation.evaluate(real, fake, "kd:pixels")


def test_files_that_are_no_images(tmp_path, capsys):
    real, fake = write(REAL, tmp_path / "real"), write(FAKE, tmp_path / "fake")
    (fake / "readme.txt").write_text("made by me")
    assert values(real, fake, "kd:pixels") == values(REAL, FAKE, "kd:pixels")
    (fake / "another.gif").write_bytes(b"GIF89a")
    code, text = said(capsys, f"--real={real}", f"--fake={fake}", "--metrics=kd:pixels")
    assert code == 0
    assert "left out, such as another.gif" in text
    (tmp_path / "empty").mkdir()
    code, text = said(capsys, f"--real={real}", f"--fake={tmp_path}/empty", "--metrics=kd:pixels")
    assert code == 2
    assert "holds no images" in text


def test_colour_modes(tmp_path):
    """Opaque RGBA equals RGB; transparent is white; 16 bits equal 8; grey is said."""
    real = write(REAL, tmp_path / "real")
    opaque = np.full((*FAKE.shape[:3], 1), 255, np.uint8)
    rgba = write(np.concatenate([FAKE, opaque], axis=-1), tmp_path / "rgba")
    expected = values(real, FAKE, "swd", "kd:pixels")
    assert values(real, rgba, "swd", "kd:pixels") == expected
    holes = opaque.copy()
    holes[:, :8] = 0
    half = write(np.concatenate([FAKE, holes], axis=-1), tmp_path / "half")
    white = np.where(holes > 0, FAKE, 255).astype(np.uint8)
    assert values(real, half, "swd") == values(real, white, "swd")
    grey = write(FAKE[..., :1], tmp_path / "grey")
    (tmp_path / "deep").mkdir()
    for i, image in enumerate(FAKE[..., 0].astype(np.uint16)):
        Image.fromarray(image * 257).save(tmp_path / "deep" / f"{i:03d}.png")
    found = evaluation.evaluate(real, grey, "swd")
    assert any(f"images of {grey} are grey" in line for line in found.warnings)
    assert values(real, tmp_path / "deep", "swd")["swd"] == found["swd"].value
    with pytest.raises(UserError, match=r"an array \(40, 16, 16, 4\); expected"):
        evaluation.evaluate(REAL, np.concatenate([FAKE, opaque], axis=-1), "swd")


def test_classes_that_one_side_lacks(tmp_path):
    real = write(REAL, tmp_path / "real", ["mel"] * 50 + ["nv"] * 10)
    only = write(FAKE, tmp_path / "only", ["mel"] * 40)
    found = evaluation.evaluate(real, only, "kd:pixels", by="class")
    rows = {row["subgroup"]: row for row in found.subgroup_rows()}
    assert (rows["mel"]["n_real"], rows["mel"]["n"]) == (50, 40)
    assert (rows["nv"]["n_real"], rows["nv"]["n"]) == (10, 0)
    assert rows["nv"]["reason"] == "too few: 0, needs 50"
    other = write(FAKE, tmp_path / "other", ["mel"] * 25 + ["bkl"] * 15)
    found = evaluation.evaluate(real, other, "kd:pixels", by="class")
    assert (
        "note: 15 synthetic images are in no subgroup by class: no real image is 'bkl'"
        in found.warnings
    )


@pytest.mark.parametrize(
    ("by", "told"),
    [
        ("class", "--by=class: .* does not tell it; classes are its subfolders"),
        ("sex", "--by=sex: .* does not tell it; known: class, tone, brightness"),
        ("tones", "did you mean 'tone'"),
        (("tone", "tone"), "--by names tone twice"),
    ],
)
def test_columns_that_are_not_there(by, told, tmp_path):
    real = write(REAL, tmp_path / "real")
    with pytest.raises(UserError, match=told):
        evaluation.evaluate(real, FAKE, "kd:pixels", by=by)


def test_several_sides_that_cannot_be_compared(tmp_path, capsys):
    real, fake = write(REAL, tmp_path / "real"), write(FAKE, tmp_path / "fake")
    small, grey = (
        write(FAKE[:, :8, :8], tmp_path / "small"),
        write(FAKE[..., :1], tmp_path / "grey"),
    )
    sides = f"--real={real}", "--metrics=kd:pixels"
    code, text = said(capsys, *sides, f"--fake={fake},{fake}")
    assert code == 2
    assert f"--fake names {fake} twice" in text
    code, text = said(capsys, *sides, f"--fake={fake},{small}")
    assert code == 2
    assert "those of " + str(small) + " 8x8x3" in text
    code, text = said(capsys, *sides, f"--fake={fake},{grey}")
    assert code == 0
    assert f"images of {grey} are grey" in text
    with pytest.raises(UserError, match="those of b 8x8x3"):
        evaluation.evaluate(REAL, {"a": FAKE, "b": FAKE[:, :8, :8]}, "kd:pixels")


def test_more_images_are_asked_for_than_there_are():
    found = evaluation.evaluate(REAL, FAKE, "kd:pixels", num=5000)
    assert (found["kd:pixels"].n, found["kd:pixels"].n_real) == (40, 60)
    with pytest.raises(UserError, match="num is 0"):
        evaluation.evaluate(REAL, FAKE, "kd:pixels", num=0)


@pytest.mark.parametrize(
    ("metrics", "told"),
    [
        ("kd:pixels,kd:pixels", "several of the metrics are called kd:pixels"),
        ("prdc:pixels,pr:pixels", "called precision:pixels, recall:pixels"),
        ("fd:", "lacks what comes after the colon: fd:SPACE"),
        ("kd", "lacks what comes after the colon: kd:SPACE"),
        ("fd:x", "unknown feature space 'x'; known: lite0"),
        ("FID", "unknown metric 'FID'; did you mean 'fid'"),
        ("kd:workdir:", "workdir:RUN"),
        ("fd:workdir", "workdir:RUN"),
        ("fd:workdir:NOT_A_RUN", "NOT_A_RUN is not a work directory"),
        ("fid", "dermgan weights --fetch=inception"),
        ("fd:dinov2_l14", "dermgan weights --fetch=dinov2_l14"),
        ("cmmd", "clip_l14_336"),
    ],
)
def test_metrics_that_cannot_be_had(metrics, told, tmp_path, capsys):
    np.savez(tmp_path / "a.npz", images=FAKE[:12])
    path = tmp_path / "a.npz"
    code, text = said(capsys, f"--real={path}", f"--fake={path}", f"--metrics={metrics}")
    assert code == 2
    assert told in text
    with pytest.raises(UserError) as raised:
        evaluation.evaluate(FAKE[:12], FAKE[:12], metrics.split(","))
    assert told in str(raised.value)


def test_no_metric_is_no_question():
    with pytest.raises(UserError, match="metrics is empty"):
        evaluation.evaluate(REAL, FAKE, ())
