"""An augmentation study of tiny networks on phantoms, from beginning to end."""

import csv
import dataclasses
import json
import shutil

import numpy as np
import pytest
from tiny_study import get_config as study

from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.data.image_files import write_npz, write_pngs
from dermgan_jax.data.image_sets import FolderImages
from dermgan_jax.errors import UserError
from dermgan_jax.evaluation.judge import judge_images
from dermgan_jax.files import write_arrays
from dermgan_jax.report.augmentation import filter_sheets
from dermgan_jax.report.run import build
from dermgan_jax.runs import ancestry
from dermgan_jax.runs.workdir import WorkDir
from dermgan_jax.studies import (
    augmentation,
    augmentation_result,
    augmentation_texts,
    population,
    synthetic_sets,
)
from dermgan_jax.studies.augmentation_arms import arm_names
from dermgan_jax.studies.augmentation_config import (
    classifier_experiment,
    generator_experiment,
    require_valid,
)
from dermgan_jax.studies.augmentation_part import PREDICTIONS, open_part, require_answerable
from dermgan_jax.studies.held_out import HeldOut
from dermgan_jax.studies.leakage import leakage
from dermgan_jax.studies.study_folder import TABLE_FILE
from dermgan_jax.synthesis import manifest
from dermgan_jax.synthesis.verify import verify
from dermgan_jax.train import loop


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("prepared")


@pytest.fixture(scope="module")
def finished(tmp_path_factory, cache_dir):
    path = tmp_path_factory.mktemp("study") / "run"
    config = study(cache_dir, arms=("real", "filtered"))
    assert augmentation.run(config, path, build) == loop.FINISHED
    return path


def test_result_has_every_part_and_no_nan(finished):
    text = (finished / augmentation_result.RESULT_FILE).read_text()
    assert "NaN" not in text
    assert "Infinity" not in text
    result = augmentation_result.read(finished)
    assert result.arms == ["real", "filtered"]
    assert set(result.scores) == {"real", "filtered"}
    assert set(result.versus) == {"filtered"}
    assert result.verdict.outcome in ("helped", "hurt", "cannot tell")
    assert set(result.judged.sets) == {"filtered"}
    assert result.counts.synthetic == {"filtered": {"bcc": 4, "mel": 4}}
    assert result.leakage is None
    assert result.group_noun == "lesion"
    confusion = np.array(result.confusion["real"])
    assert confusion.sum() == pytest.approx(result.test.images)


def test_every_work_directory_has_a_report(finished):
    trained = [config.parent for config in finished.rglob("config.json")]
    assert len(trained) == 1 + 2 * 2
    assert all(WorkDir(path).report.is_file() for path in trained)


def test_arms_take_equally_many_steps(finished):
    logs = finished.glob("*/seed*/metrics.jsonl")
    ends = {json.loads(log.read_text().splitlines()[-1])["step"] for log in logs}
    assert len(ends) == 1


def test_table_holds_the_values_of_the_result(finished):
    with (finished / TABLE_FILE).open() as file:
        head, real, filtered = csv.reader(file)
    column = head.index("balanced_accuracy")
    scores = augmentation_result.read(finished).scores
    for row, arm in ((real, "real"), (filtered, "filtered")):
        assert row[0] == arm
        assert float(row[column]) == pytest.approx(
            100 * scores[arm]["balanced_accuracy"].value, abs=0.006
        )
    assert (real[1], filtered[1]) == ("0", "8")


def test_filtered_images_are_some_of_the_unfiltered(finished):
    names = {
        arm: {path.read_bytes() for path in (finished / "synthetic" / arm).rglob("*.png")}
        for arm in ("filtered", "unfiltered")
    }
    assert len(names["unfiltered"]) == 16
    assert len(names["filtered"]) == 8
    assert names["filtered"] < names["unfiltered"]


def test_second_run_trains_nothing_again(finished, cache_dir, monkeypatch):
    before = augmentation_result.read(finished)
    monkeypatch.setattr(augmentation, "train", None)
    config = study(cache_dir, arms=("real", "filtered"))
    assert augmentation.run(config, finished, build) == loop.FINISHED
    assert augmentation_result.read(finished) == before


def test_killed_study_ends_with_the_same_table(finished, tmp_path, cache_dir, monkeypatch):
    path = tmp_path / "run"
    config = study(cache_dir, arms=("real", "filtered"))
    shutil.copytree(finished / "generator", path / "generator")
    calls = []

    class Killed(Exception):
        """Stands for the end of the process."""

    def killed(experiment, workdir):
        calls.append(workdir)
        if len(calls) == 3:  # in the middle of an arm
            (workdir).mkdir(parents=True)
            (workdir / "leftover").write_text("half")
            raise Killed
        return loop.train(experiment, workdir)

    monkeypatch.setattr(augmentation, "train", killed)
    with pytest.raises(Killed):
        augmentation.run(config, path, build)
    monkeypatch.undo()
    assert augmentation.run(config, path, build) == loop.FINISHED
    tables = [(folder / TABLE_FILE).read_text() for folder in (path, finished)]
    assert tables[0] == tables[1]


def test_generator_killed_before_its_first_checkpoint_is_no_obstacle(finished, cache_dir, tmp_path):
    part = open_part(study(cache_dir), tmp_path, "group")
    killed = WorkDir(part.own_generator)
    killed.checkpoints.mkdir(parents=True)
    shutil.copy(finished / "generator" / "config.json", killed.config)
    require_answerable(part)


def of_patients(part):
    """The same study of images that are not drawn, whose groups are patients."""
    dataset = dataclasses.replace(part.data.dataset, group_noun="patient", synthetic=False)
    return dataclasses.replace(part, data=dataclasses.replace(part.data, dataset=dataset))


def test_leakage_is_counted_and_both_splits_stand_side_by_side(cache_dir, tmp_path):
    config = study(cache_dir, arms=("real", "classical"), split_by=("group", "image"))
    config.data.num_images = 300
    rng = np.random.default_rng(0)
    parts = [open_part(config, tmp_path, split_by) for split_by in config.split_by]
    for part in parts:
        for arm in config.arms:
            for seed in config.seeds:
                part.workdir(arm, seed).mkdir(parents=True)
                said = rng.dirichlet(np.ones(7), len(part.data.indices("test")))
                write_arrays(part.workdir(arm, seed) / PREDICTIONS, test=np.float32(said))
    said = {arm: parts[0].predictions(arm)["test"] for arm in config.arms}
    test = HeldOut(parts[0])
    compared = test.scores(said), test.versus(said)
    found = leakage(parts, *compared)
    assert found.group.shared_groups == 0
    data = parts[1].data
    learned = {data.records[row].group for row in data.indices("train")}
    shared = sum(data.records[row].group in learned for row in data.indices("test"))
    assert found.image.shared_groups == shared > 0
    for part, side in zip(parts, (found.group, found.image), strict=True):
        values = side.base["accuracy"].per_seed
        labels = part.data.labels[part.data.indices("test")]
        right = [(p.argmax(1) == labels).mean() for p in part.predictions("real")["test"]]
        np.testing.assert_allclose(values, right)
    leaked = f"{shared} of {len(data.indices('test'))} test images show a"
    assert f"{leaked} lesion that is also in training" in found.sentence
    sentence = leakage([of_patients(part) for part in parts], *compared).sentence
    assert f"{leaked} patient that is also in training" in sentence
    assert "split by patient" in sentence


def test_method_speaks_of_patients_where_groups_are_patients(cache_dir, tmp_path):
    config = study(cache_dir, split_by=("group", "image"))
    for split_by in config.split_by:
        part = of_patients(open_part(config, tmp_path, split_by))
        text = " ".join(augmentation_texts.method(part))
        assert "resampling patients, not images" in text
        assert "lesion" not in text


def test_skin_tone_is_that_of_coloured_images_which_nobody_drew(cache_dir, tmp_path):
    drawn = open_part(study(cache_dir), tmp_path, "group")
    skin = np.full((2, 16, 16, 3), (230, 190, 160), np.uint8)
    assert population._tones(of_patients(drawn), skin, None).shape == (2,)
    assert population._tones(of_patients(drawn), skin[..., :1], None) is None
    assert population._tones(drawn, skin, None) is None


def test_stopped_study_says_so(tmp_path, cache_dir, monkeypatch):
    monkeypatch.setattr(augmentation, "train", lambda *_: loop.PREEMPTED)
    assert augmentation.run(study(cache_dir), tmp_path / "run", build) == loop.PREEMPTED


def test_another_study_is_refused(finished, cache_dir):
    config = study(cache_dir, arms=("real", "filtered"), seed=5)
    with pytest.raises(UserError, match="another configuration:\n  seed: 0 -> 5"):
        augmentation.run(config, finished, build)


def test_arms_differ_in_their_training_images_only(cache_dir):
    config = study(cache_dir, arms=("real", "classical", "sweep", "synthetic_only"))
    assert arm_names(config) == ("real", "classical", "sweep_0.5", "synthetic_only")
    real, classical, only = (
        classifier_experiment(config, arm, 3, "group", folder)
        for arm, folder in (("real", ""), ("classical", ""), ("synthetic_only", "made"))
    )
    assert (real.model.augment, classical.model.augment) == ("none", "classical")
    assert (real.data.only_synthetic, only.data.only_synthetic) == (False, True)
    assert real.seed == only.seed == 3
    assert only.data.synthetic == "made"
    assert real.train == classical.train == only.train
    config.base = "classical"
    assert (
        classifier_experiment(config, "filtered", 0, "group", "made").model.augment == "classical"
    )
    assert classifier_experiment(config, "real", 0, "group", "").model.augment == "none"


def test_generator_learns_from_the_data_of_the_study(cache_dir):
    config = study(cache_dir)
    config.data.update({"split_seed": 4, "resolution": 16})
    config.generator.data.classes = ("mel",)
    found = generator_experiment(config, "image")
    assert found.data.split_seed == 4
    assert found.data.split_by == "image"
    assert found.data.classes == ("mel",)
    assert found.model.name == "dcgan"


def test_every_fault_of_the_configuration_is_named(cache_dir):
    config = study(cache_dir, arms=("real", "filterd"), base="classical", seeds=(1, 1))
    config.classifier.train.total_epochs = 3.0
    config.generator.train.batch_size = 0
    config.synthesis.keep = 0.0
    with pytest.raises(UserError) as error:
        require_valid(config)
    for part in (
        "unknown arm 'filterd'; did you mean 'filtered'",
        "base is 'classical', which is none of the arms",
        "seeds is (1, 1)",
        "set total_kimg, not total_epochs",
        "generator: train.batch_size",
        "synthesis.keep is 0.0",
    ):
        assert part in str(error.value)


def test_unanswerable_data_are_refused(cache_dir, tmp_path):
    config = study(cache_dir, target="melanoma")
    with pytest.raises(UserError, match="target is 'melanoma', which is no class"):
        require_answerable(open_part(config, tmp_path, "group"))
    config = study(cache_dir)
    config.data.classes = ("mel",)
    with pytest.raises(UserError, match="1 class: a classifier needs two"):
        require_answerable(open_part(config, tmp_path, "group"))
    config = study(cache_dir)
    config.data.split_fractions = (0.9, 0.1, 0.0)
    with pytest.raises(UserError, match="class 'mel' has no image in the test split"):
        require_answerable(open_part(config, tmp_path, "group"))
    config = study(cache_dir)
    config.data.num_images = 12
    with pytest.raises(UserError, match=r"class '\w+': \d of at least 3 lesions"):
        require_answerable(open_part(config, tmp_path, "group"))
    with pytest.raises(UserError, match=r"class '\w+': \d of at least 3 patients"):
        require_answerable(of_patients(open_part(config, tmp_path, "group")))


def test_a_generator_of_smaller_images(tmp_path, cache_dir):
    """Its images are filtered as they are, then enlarged; real ones take the same way in an arm."""
    arms = ("real", "filtered", "filtered_by_realism", "unfiltered", "reduced")
    config = study(cache_dir, arms=arms, seeds=(0,))
    config.generator.data.resolution = 8
    assert augmentation.run(config, tmp_path / "run", build) == loop.FINISHED
    folder = tmp_path / "run" / "synthetic"
    for arm, side in (("native/filtered", 8), ("filtered", 16), ("reduced", 16)):
        assert {image.shape for image in FolderImages(folder / arm, 3)[:]} == {(side, side, 3)}
        found, is_made = verify(folder / arm), arm != "reduced"
        assert {one.state for one in found.images} == {"unaltered" if is_made else "unmarked"}
        assert (len(manifest.read(folder / arm)), found.missing) == (
            len(found.images) * is_made,
            (),
        )
    data = catalogue(config.data)
    names, labels = FolderImages(folder / "reduced", 3).classes()
    counts = dict(zip(names, np.bincount(labels), strict=True))
    assert counts == dict(zip(data.classes, data.class_counts("train"), strict=True))
    result = augmentation_result.read(tmp_path / "run")
    assert set(result.scores) == set(arms)
    assert set(result.judged.sets) == {"filtered", "filtered_by_realism", "unfiltered"}
    assert result.counts.made("reduced") == 0
    rules = [
        json.loads((folder / "native" / arm / "scores.json").read_text())["rule"]
        for arm in ("filtered", "filtered_by_realism")
    ]
    assert rules == ["discriminator", "realism"]
    assert [which for which, _ in filter_sheets(tmp_path / "run", arms)] == ["best", "worst"]
    assert not filter_sheets(tmp_path / "run", ("real", "unfiltered"))
    assert result.counts.made("filtered_by_realism") == result.counts.made("filtered")
    assert result.generator.resolution == 8
    assert "made at 8×8 pixels and enlarged to 16×16" in " ".join(result.limits)
    assert "shows what that costs by itself" in " ".join(result.limits)
    reduced = WorkDir(tmp_path / "run" / "reduced" / "seed0").read_config().data
    assert reduced.only_synthetic
    # Nothing is drawn or trained again.
    made = (folder / "made.json").stat().st_mtime_ns
    assert augmentation.run(config, tmp_path / "run", build) == loop.FINISHED
    assert (folder / "made.json").stat().st_mtime_ns == made


@pytest.mark.parametrize(
    ("side", "arms", "message"),
    [
        (32, ("real", "filtered"), "generator.data.resolution is 32; at most data.resolution=16"),
        (8, ("real", "reduced"), "reduced shows what the size of synthetic images costs"),
        (0, ("real", "filtered", "reduced"), "reduced needs a generator of smaller images"),
    ],
)
def test_sizes_that_do_not_go_together(side, arms, message, cache_dir):
    config = study(cache_dir, arms=arms)
    config.generator.data.resolution = side
    with pytest.raises(UserError, match=message):
        require_valid(config)


def test_generators_that_do_not_fit_are_refused(finished, cache_dir, tmp_path):
    config = study(cache_dir)
    generator, begun = finished / "generator", tmp_path / "begun"
    shutil.copytree(generator, begun)
    other = ancestry.Ancestor("other", "0123", "ham10000", "train", ("mel",))
    told = {"init_from": "other", "ancestors": ancestry.to_json([other])}
    WorkDir(begun).init_from.write_text(json.dumps(told))

    def refused(match, **fields):
        changed = study(cache_dir)
        changed.data.update({k: v for k, v in fields.items() if k in changed.data})
        changed.synthesis.update({k: v for k, v in fields.items() if k in changed.synthesis})
        with pytest.raises(UserError, match=match):
            synthetic_sets.require_fitting(changed, catalogue(changed.data), generator)

    assert synthetic_sets.require_fitting(config, catalogue(config.data), generator) > 0
    refused("trained on split .* and the study is on split", split_seed=9)
    refused("makes images of 16x16 pixels in 3 channels, the study's are 8x8", resolution=8)
    refused("no checkpoint '7'", checkpoint="7")
    config.arms = ("real", "filtered", "reduced")
    with pytest.raises(UserError, match="the study's own size, 16x16: leave reduced out of arms"):
        synthetic_sets.require_fitting(config, catalogue(config.data), generator)
    with pytest.raises(UserError, match=r"began with networks of other .* test images may be"):
        synthetic_sets.require_fitting(study(cache_dir), catalogue(config.data), begun)
    changed = study(cache_dir)
    changed.data.classes = ("mel", "nv", "bcc")
    changed.synthesis.classes = ("melanoma",)
    with pytest.raises(UserError, match="does not know the class 'melanoma'"):
        synthetic_sets.require_fitting(changed, catalogue(changed.data), generator)
    changed.synthesis.classes = ("mel",)


def test_synthetic_images_of_another_size_are_refused(tmp_path, cache_dir):
    images = np.zeros((2, 8, 8, 3), np.uint8)
    write_pngs(images, tmp_path / "made" / "mel")
    config = study(cache_dir)
    experiment = classifier_experiment(config, "filtered", 0, "group", str(tmp_path / "made"))
    with pytest.raises(UserError, match="are 8x8 pixels and the real ones 16x16"):
        catalogue(experiment.data)


def test_a_classifier_of_the_study_judges_images(finished, tmp_path):
    classifier, made = finished / "real" / "seed0", finished / "synthetic" / "filtered"
    found = judge_images(classifier, made, threshold=0.1)
    assert found.real.overall.n == augmentation_result.read(finished).test.images
    of_classes = found.synthetic.classes
    assert {name: row.n for name, row in of_classes.items() if row.n} == {"bcc": 4, "mel": 4}
    assert json.dumps(found.to_json(), allow_nan=False)
    assert [line.split()[0] for line in found.text().splitlines()[3:-1]] == [
        *of_classes,
        "all",
    ]
    assert found.text().splitlines()[-1].endswith("are drawings of a program")
    images, labels = np.zeros((2, 16, 16, 3), np.uint8), np.array([0, 1], np.int32)
    write_npz(images, tmp_path / "labelled.npz", labels=labels)
    assert judge_images(classifier, tmp_path / "labelled.npz").synthetic.overall.n == 2
    write_npz(images, tmp_path / "bare.npz")
    write_npz(images[:, :8, :8], tmp_path / "small.npz", labels=labels)
    write_pngs(images, tmp_path / "folder" / "melanoma")
    for source, message in (
        ("bare.npz", "has no key 'labels'"),
        ("small.npz", "are 8x8 pixels, the classifier learned from 16x16"),
        ("folder", "a folder 'melanoma', which is no class"),
    ):
        with pytest.raises(UserError, match=message):
            judge_images(classifier, tmp_path / source)
    with pytest.raises(UserError, match="makes images: give the --workdir of a classifier"):
        judge_images(finished / "generator", made)


def test_another_arm_leaves_the_finished_ones_alone(finished, tmp_path, cache_dir, monkeypatch):
    path, trained = tmp_path / "run", []
    shutil.copytree(finished, path)

    def noted(experiment, workdir):
        trained.append(workdir.relative_to(path).as_posix())
        return loop.train(experiment, workdir)

    monkeypatch.setattr(augmentation, "train", noted)
    config = study(cache_dir, arms=("real", "filtered", "unfiltered"), seeds=(0,))
    assert augmentation.run(config, path, build) == loop.FINISHED
    # Those of the base arm have the new images to judge.
    assert trained == ["real/seed0", "unfiltered/seed0"]
    before, after = (
        augmentation_result.read(folder).scores["filtered"]["accuracy"]
        for folder in (finished, path)
    )
    assert after.per_seed == before.per_seed[:1]
