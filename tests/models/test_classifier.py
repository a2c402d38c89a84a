"""What is a classifier's own: its loss, its schedule, its faults, its weights."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny_configs
from engine_probe import last_state

from configs import classifier as experiments
from dermgan_jax import config as config_schema
from dermgan_jax.data.records import DataSpec
from dermgan_jax.errors import UserError
from dermgan_jax.features import resnet
from dermgan_jax.models import classifier_networks, prediction
from dermgan_jax.models.classifier import TransferClassifier
from dermgan_jax.models.contract import Context
from dermgan_jax.train import loop

SPEC = DataSpec(height=16, width=16, channels=3, class_counts=(6, 2, 0), num_examples=8)


def config_of(**fields):
    config = tiny_configs.classifier()
    with config.unlocked():
        config.update_from_flattened_dict(fields)
    return config


def model_of(spec=SPEC, **fields):
    return TransferClassifier(config_schema.validate(config_of(**fields)), spec)


def observed(model, losses):
    """Scale of the learning rate and whether training ends, after each evaluation."""
    extra, seen = model.init_extra(jax.random.key(0)), []
    for loss in losses:
        extra = model.observe(extra, {"loss": loss, "accuracy": 0.5})
        seen.append((round(float(model.learning_rate_scale(extra)), 6), model.done(extra)))
    return seen


def test_learning_rate_falls_when_the_loss_has_not_for_as_long_as_patience_says():
    model = model_of(
        **{"model.plateau_patience": 2, "model.plateau_factor": 0.1, "model.stop_patience": 0}
    )
    scales = [scale for scale, _ in observed(model, [3, 2, 2, 2.5, 1, 1, 1, 1, 1])]
    assert scales == [1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.001]


def test_training_ends_when_the_loss_has_not_fallen_for_as_long_as_patience_says():
    model = model_of(**{"model.plateau_patience": 0, "model.stop_patience": 3})
    found = observed(model, [3, 4, 4, 2, 2, 2, 2])
    assert found == [(1, False)] * 6 + [(1, True)]


def test_without_patience_nothing_happens():
    model = model_of(**{"model.plateau_patience": 0, "model.stop_patience": 0})
    assert observed(model, [1, 2, 2, 2, 2, 2]) == [(1, False)] * 6


def test_an_infinite_loss_counts_as_no_progress():
    model = model_of(**{"model.stop_patience": 1})
    extra = model.observe(model.init_extra(jax.random.key(0)), {})
    assert model.done(extra)


def test_observing_keeps_types_so_that_nothing_is_compiled_again():
    model = model_of()
    before = model.init_extra(jax.random.key(0))
    after = model.observe(before, {"loss": 1.0})
    kinds = [[(leaf.dtype, leaf.weak_type) for leaf in jax.tree.leaves(e)] for e in (before, after)]
    assert kinds[0] == kinds[1]


@pytest.mark.parametrize("weighted", [False, True])
def test_loss_equals_the_weighted_smoothed_cross_entropy(weighted):
    """Two classes of 6 and 2 images weigh 8/(2·6) and 8/(2·2): each class counts alike."""
    model = model_of(
        **{
            "model.class_weights": weighted,
            "model.label_smoothing": 0.3,
            "model.dropout": 0.0,
            "model.hidden": (),
            "model.augment": "none",
            "model.trained_stages": 0,
        }
    )
    variables = jax.device_get(model.init(jax.random.key(0)))
    images = np.random.default_rng(0).uniform(-1, 1, (8, 16, 16, 3)).astype(np.float32)
    labels = np.array([0, 0, 0, 0, 0, 0, 1, 1])
    features = np.asarray(model.trunk.apply(variables["trunk"], images))
    params = variables["tail"]["params"]["logits"]
    logits = features @ params["kernel"] + params["bias"]
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    entropies = -(0.7 * log_p[np.arange(8), labels] + 0.3 * log_p.mean(-1))
    of_classes = (entropies[:6].mean() + entropies[6:].mean()) / 2
    expected = of_classes if weighted else entropies.mean()
    (phase,) = model.phases()
    context = Context((16, 16), {}, jnp.int32(0), {}, model.init_extra(jax.random.key(0)))
    frozen = {"trunk": variables["trunk"], "tail": {}}
    trainable = {"tail": variables["tail"]["params"]}
    batch = {"image": images, "label": labels}
    loss, aux = phase.loss(trainable, frozen, batch, jax.random.key(1), context)
    assert loss == pytest.approx(expected, rel=1e-5)
    assert aux.metrics["accuracy"] == pytest.approx((logits.argmax(-1) == labels).mean())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"model.network": "resnet5"}, "unknown network 'resnet5'; did you mean 'resnet50'"),
        ({"model.network": "vit_s16", "model.image_size": 100}, "multiples of its patches of 16"),
        ({"model.trained_stages": 9}, "model.trained_stages is 9; tiny has 3"),
        ({"model.pretrained": True}, "tiny has no published weights"),
        ({"model.views": 2, "model.augment": "none"}, "all of them alike"),
        (
            {"model.views": 2, "model.trained_stages": -1},
            "what frozen stages give out, and none is",
        ),
        ({"model.views": 2, "data.mirror": True}, "views are taken of whole images"),
        ({"model.augment": "ada"}, "model.augment is 'ada'"),
        ({"eval.budget_fraction": 0.2}, "eval.budget_fraction=1.0"),
        ({"eval.metrics": ("balanced_accuracy",)}, "'loss' in eval.metrics"),
        ({"eval.every_kimg": 0.0}, "eval.every_epochs above 0"),
    ],
)
def test_configurations_that_cannot_work_are_refused(fields, message):
    assert message in " ".join(model_of(**fields).faults())


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"class_counts": ()}, "two classes or more; the data have 0"),
        ({"class_counts": (8,)}, "two classes or more; the data have 1"),
        ({"num_examples": 10}, "2 training images have no class"),
        ({"width": 24}, "square images, not 16x24"),
    ],
)
def test_data_that_do_not_suit_are_refused(spec, message):
    assert message in " ".join(model_of(dataclasses.replace(SPEC, **spec)).faults())


def test_all_defaults_suit_each_other():
    config = config_schema.experiment("classifier")
    assert TransferClassifier(config_schema.validate(config), SPEC).faults() == []


@pytest.mark.parametrize("variant", experiments.VARIANTS)
def test_published_experiments_suit_their_networks(variant):
    config = config_schema.validate(experiments.get_config(variant))
    side = config.data.resolution
    spec = dataclasses.replace(SPEC, height=side, width=side)
    assert TransferClassifier(config, spec).faults() == []


def test_no_validation_images_is_a_fault_before_anything_is_trained(tmp_path):
    config = config_of(**{"data.split_fractions": (0.8, 0.0, 0.2)})
    config.data.prepared_dir = str(tmp_path / "prepared")
    with pytest.raises(UserError, match="no labelled validation images"):
        loop.train(config_schema.validate(config), tmp_path / "run")


def test_published_weights_fill_trunk_and_tail(monkeypatch):
    """Drawn weights in place of the published ones, which no test machine has."""
    small = resnet.ResNet(1000, (1, 1), (16, 32), 16, bottleneck=False)
    whole = jax.device_get(small.init(jax.random.key(5), jnp.zeros((1, 16, 16, 3))))
    architecture = classifier_networks.Architecture(
        small, classifier_networks.IMAGENET, resnet.from_torch
    )
    monkeypatch.setitem(classifier_networks.ARCHITECTURES, "small", architecture)
    monkeypatch.setattr(classifier_networks, "published", lambda name: {"small": whole}[name])
    model = model_of(
        **{"model.network": "small", "model.pretrained": True, "model.trained_stages": 1}
    )
    drawn = model.init(jax.random.key(0))
    filled = model.pretrained(drawn)
    assert jax.tree.structure(filled) == jax.tree.structure(drawn)
    images = np.random.default_rng(0).uniform(-1, 1, (2, 16, 16, 3)).astype(np.float32)
    prepared = classifier_networks.Trunk("small", 0, 16).apply({"params": {}}, images)
    features, _ = small.apply(whole, prepared)
    backbone = {name: layers["backbone"] for name, layers in filled["tail"].items()}
    found = model.tail.backbone.apply(backbone, model.trunk.apply(filled["trunk"], images))
    np.testing.assert_allclose(found, features, atol=1e-5)
    assert filled["tail"]["params"]["logits"] is drawn["tail"]["params"]["logits"]


def test_classifiers_that_differ_in_their_seed_share_a_program():
    images = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), np.uint8)
    found, programs = [], []
    for seed in (0, 1):
        model = model_of(seed=seed)
        variables = model.init(jax.random.key(seed))
        found.append(model.probabilities(variables, model.inputs(variables, images)))
        programs.append(prediction._from_images._cache_size())
    assert programs[0] == programs[1] > 0
    assert not np.allclose(*found)


def test_bad_luck_ends_a_run_early_and_for_good(tmp_path):
    """With no learning the loss does not fall: evaluations 2 and 3 end training at step 6 of 12."""
    fields = {"optimizers.tail.learning_rate": 0.0, "model.stop_patience": 2}
    fields["eval.every_kimg"] = 0.016
    fields |= {"model.trained_stages": 0, "model.plateau_patience": 0}
    config = config_of(**fields)
    config.data.prepared_dir = str(tmp_path / "prepared")
    config = config_schema.validate(config)
    for _ in range(2):
        assert loop.train(config, tmp_path / "run") == loop.FINISHED
        state = last_state(config, tmp_path / "run")
        assert state.clock.step == 6
        assert state.extra["waited"] == 2
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").open()]
    evaluated = [row["step"] for row in rows if row["kind"] == "eval"]
    assert evaluated == [0, 2, 4, 6, 6]  # the second run evaluates where the first one ended
    accuracy = next(row for row in rows if row["kind"] == "eval")["metrics"]["accuracy"]
    confusion = np.array(accuracy["confusion"])
    assert confusion.shape == (len(accuracy["classes"]),) * 2
    assert confusion.trace() / confusion.sum() == pytest.approx(accuracy["value"])


def test_learning_rate_is_scaled_in_the_step(tmp_path):
    """Patience 1 and a factor of nearly nothing: after two evaluations the weights stand still."""
    fields = {"model.plateau_patience": 1, "model.plateau_factor": 1e-30, "model.stop_patience": 0}
    fields |= {"model.trained_stages": 0, "model.augment": "none", "eval.every_kimg": 0.016}
    config = config_of(**fields, **{"optimizers.tail.learning_rate": 10.0})
    config.data.prepared_dir = str(tmp_path / "prepared")
    config = config_schema.validate(config)
    half = config_of(**fields, **{"optimizers.tail.learning_rate": 10.0})
    half.data.prepared_dir = str(tmp_path / "prepared")
    states = []
    for total in (0.064, 0.096):
        half.train.total_kimg = total
        loop.train(config_schema.validate(half), tmp_path / "run")
        states.append(last_state(config, tmp_path / "run"))
    early, late = states
    assert early.extra["scale"] < 1e-20
    assert late.clock.step > early.clock.step
    jax.tree.map(
        np.testing.assert_array_equal,
        early.variables["tail"]["params"],
        late.variables["tail"]["params"],
    )


def test_an_interrupted_run_remembers_what_it_observed(tmp_path):
    """Interrupted where an evaluation is due, and where none is: the same as the whole run."""
    fields = {"model.plateau_patience": 1, "model.plateau_factor": 0.5, "eval.every_kimg": 0.016}
    fields |= {"model.trained_stages": 0, "optimizers.tail.learning_rate": 0.3}
    fields["data.prepared_dir"] = str(tmp_path / "prepared")

    def trained(name, *totals):
        for total in totals:
            config = config_schema.validate(config_of(**fields, **{"train.total_kimg": total}))
            assert loop.train(config, tmp_path / name) == loop.FINISHED
        return last_state(config, tmp_path / name)

    whole = trained("whole", 0.096)
    assert whole.extra["scale"] < 1
    for name, halves in (("due", (0.048, 0.096)), ("between", (0.04, 0.096))):
        jax.tree.map(np.testing.assert_array_equal, trained(name, *halves), whole)
