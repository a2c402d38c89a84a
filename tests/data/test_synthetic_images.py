import numpy as np
import pytest
from image_trees import write_image, write_table
from PIL import Image

from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.data.check import check
from dermgan_jax.data.faults import DataError
from dermgan_jax.data.pipeline import balanced
from dermgan_jax.data.prepare import decode_mask, prepare


@pytest.fixture
def synthetic_dir(tmp_path):
    """Three melanomas and one basal cell carcinoma of 8×8 pixels."""
    folder = tmp_path / "made"
    for i, name in enumerate(("mel", "mel", "mel", "bcc")):
        write_image(folder / name / f"{i}.png", size=(8, 8), seed=100 + i)
    return folder


def test_join_the_training_split_and_nothing_else(make_config, ham10000_dir, synthetic_dir):
    real = catalogue(make_config("ham10000", ham10000_dir).data)
    data = make_config("ham10000", ham10000_dir, synthetic=str(synthetic_dir)).data
    both = catalogue(data)
    assert both.split_hash == real.split_hash
    assert both.records[: len(real.records)] == real.records
    added = np.array(both.class_counts("train")) - real.class_counts("train")
    assert dict(zip(both.classes, added, strict=True)) == {"bcc": 1, "mel": 3, "nv": 0}
    for split in ("val", "test"):
        assert both.class_counts(split) == real.class_counts(split)
    images = prepare(both, data).images
    made = np.asarray(Image.open(synthetic_dir / "bcc" / "3.png").convert("RGB"))
    np.testing.assert_array_equal(images[len(real.records) :][0], made)
    assert decode_mask(both, len(real.records), data) is None
    assert [record.synthetic for record in both.records] == [False] * 24 + [True] * 4


def test_class_that_is_no_name_of_a_folder(make_config, synthetic_dir, tmp_path):
    write_table(tmp_path / "real" / "table.csv", ("path", "label"), [("0.png", "SCC/AK")])
    write_image(tmp_path / "real" / "0.png", seed=0)
    (synthetic_dir / "mel").rename(synthetic_dir / "SCC%2FAK")
    (synthetic_dir / "bcc" / "3.png").unlink()
    fields = {"csv": "table.csv", "split_fractions": (1.0, 0.0, 0.0)}
    data = make_config("image_folder", tmp_path / "real", synthetic=str(synthetic_dir), **fields)
    assert catalogue(data.data).class_counts("train") == (4,)


def test_can_replace_the_real_training_images(make_config, ham10000_dir, synthetic_dir):
    data = make_config(
        "ham10000", ham10000_dir, synthetic=str(synthetic_dir), only_synthetic=True
    ).data
    found = catalogue(data)
    assert found.class_counts("train") == (1, 3, 0)
    assert found.class_counts("test") == catalogue(
        make_config("ham10000", ham10000_dir).data
    ).class_counts("test")


def test_faults_name_strange_classes_and_sizes(make_config, ham10000_dir, synthetic_dir):
    (synthetic_dir / "bcc").rename(synthetic_dir / "bbc")
    data = make_config("ham10000", ham10000_dir, synthetic=str(synthetic_dir)).data
    with pytest.raises(DataError, match="'bbc', which is no class; did you mean 'bcc'"):
        catalogue(data)
    (synthetic_dir / "bbc").rename(synthetic_dir / "bcc")
    data.resolution = 16
    with pytest.raises(DataError, match="8x8 pixels and the real ones 16x16"):
        catalogue(data)
    data.synthetic = str(synthetic_dir / "nowhere")
    with pytest.raises(DataError, match="is not a folder"):
        catalogue(data)


def test_split_by_image_divides_lesions(make_config, ham10000_dir):
    by_lesion, by_image = (
        catalogue(make_config("ham10000", ham10000_dir, split_by=by).data)
        for by in ("group", "image")
    )

    def divided(listed):
        splits = {}
        for record, split in zip(listed.records, listed.splits, strict=True):
            splits.setdefault(record.group, set()).add(split)
        return sum(len(found) > 1 for found in splits.values())

    assert divided(by_lesion) == 0
    assert divided(by_image) > 0
    assert by_lesion.split_hash != by_image.split_hash
    assert not check(make_config("ham10000", ham10000_dir, split_by="image"))


def test_balanced_rows_repeat_rare_classes():
    rows, labels = np.arange(10, 17), np.array([0, 0, 0, 0, 1, 1, 2])
    found = balanced(rows, labels)
    of_label = dict(zip(rows, labels, strict=True))
    assert np.bincount([of_label[row] for row in found]).tolist() == [4, 4, 4]
    assert set(found) == set(rows)
