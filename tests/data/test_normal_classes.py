"""Training splits of normal classes only: `data.normal`."""

import numpy as np
import pytest
from PIL import Image

from dermgan_jax import config as config_schema
from dermgan_jax.config import experiment
from dermgan_jax.data import pipeline
from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.data.check import cautions, check
from dermgan_jax.data.faults import DataError


def phantoms(**fields):
    config = experiment("pgan")
    config.data.update({"num_images": 300, **fields})
    return config


def classes_of(listed, split):
    return {listed.classes[label] for label in listed.labels[listed.indices(split)]}


def test_only_the_training_split_loses_other_classes():
    every, normal = catalogue(phantoms().data), catalogue(phantoms(normal=("nv",)).data)
    assert classes_of(normal, "train") == {"nv"}
    assert normal.split_hash == every.split_hash
    for split in ("val", "test"):
        ids = [[each.records[row].id for row in each.indices(split)] for each in (every, normal)]
        assert ids[0] == ids[1]
        assert classes_of(normal, split) > {"nv"}
    spec = normal.spec("train", phantoms(normal=("nv",)).data)
    nv = normal.classes.index("nv")
    assert spec.num_examples == spec.class_counts[nv] == sum(spec.class_counts)
    assert spec.num_examples == every.class_counts("train")[nv]


def test_what_is_fed_is_normal():
    config = phantoms(normal=("nv", "bkl"))
    listed = catalogue(config.data)
    source = pipeline.sources(config, listed)["image"]
    assert {listed.classes[label] for label in source.labels} == {"nv", "bkl"}
    assert any(
        "training images are of nv, bkl only" in each for each in cautions(listed, config.data)
    )


def test_classes_that_are_not_normal_need_no_training_images(make_config, ham10000_dir):
    config = make_config("ham10000", ham10000_dir, normal=("nv",))
    assert check(config) == []
    assert classes_of(catalogue(config.data), "train") == {"nv"}
    config.data.split_fractions = (0.0, 0.5, 0.5)
    (fault,) = check(config)
    assert "the training split has no image of data.normal (nv)" in fault


def test_configurations_of_before_are_as_they_were():
    assert "data.normal" not in config_schema.computed_fields(phantoms())
    assert "data.normal" in config_schema.computed_fields(phantoms(normal=("nv",)))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"normal": ("naevus",)}, "data.normal names 'naevus', which is no class"),
        ({"normal": ("nv",), "classes": ("mel", "bkl")}, "data.normal names 'nv'"),
        (
            {"normal": ("nv",), "split_fractions": (0.0, 0.5, 0.5)},
            r"the training split has no image of data.normal \(nv\)",
        ),
    ],
)
def test_faults(fields, message):
    with pytest.raises(DataError, match=message):
        catalogue(phantoms(**fields).data)


def test_synthetic_images_of_other_classes_are_refused(tmp_path):
    for name in ("nv", "mel"):
        (tmp_path / name).mkdir()
        Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(tmp_path / name / "0.png")
    with pytest.raises(DataError, match=r"synthetic/mel/0\.png is of no class of data\.normal"):
        catalogue(phantoms(normal=("nv",), synthetic=str(tmp_path)).data)
    (tmp_path / "mel" / "0.png").unlink()
    listed = catalogue(phantoms(normal=("nv",), synthetic=str(tmp_path)).data)
    assert sum(record.synthetic for record in listed.records) == 1
