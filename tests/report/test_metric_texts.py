import numpy as np
import pytest

from dermgan_jax import registry
from dermgan_jax.report import metric_texts


def published_names(name):
    """Names of a metric's values, from random features where it takes features."""
    metric = registry.load("metric", name)
    if metric.load_extractor is None:
        return [name]
    real, fake = np.random.default_rng(0).normal(size=(2, 40, 4)).astype(np.float32)
    values = metric.compute(real, fake, seed=0, mirror=False, weights=None)
    return [metric.names.get(value.name, value.name) for value in values]


@pytest.mark.parametrize("name", registry.names("metric"))
def test_every_registered_metric_is_explained(name):
    for published in published_names(name):
        text = metric_texts.METRICS[published]
        assert all((text.title, text.short, text.label, text.meaning.endswith(".")))


def test_metrics_in_any_space_are_explained():
    texts = []
    for prefix in registry.FAMILIES["metric"]:
        for space in registry.names("feature space"):
            for published in published_names(f"{prefix}:{space}"):
                text = metric_texts.of(published)
                assert metric_texts.SPACES[space] in text.title
                assert text.meaning.endswith(".")
                texts.append((published, text.short))
    assert len({short for _, short in set(texts)}) == len(set(texts))


def test_no_two_metrics_are_called_alike():
    texts = metric_texts.METRICS.values()
    assert len({text.title for text in texts}) == len({text.short for text in texts}) == len(texts)


def test_unknown_metric_goes_by_its_name():
    assert metric_texts.of("swd9") == ("swd9", "swd9", "swd9", "", "")
