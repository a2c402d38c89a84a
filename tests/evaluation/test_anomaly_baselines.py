"""Baselines of anomaly detection against scikit-learn's vectors, and on images."""

import anomaly_vectors
import numpy as np
import pytest

from dermgan_jax import registry
from dermgan_jax.errors import UserError
from dermgan_jax.evaluation.anomaly import baseline, mean_image, patch_memory
from dermgan_jax.evaluation.anomaly.nearest_features import nearest_distances
from dermgan_jax.evaluation.anomaly.principal_components import components, residuals
from dermgan_jax.features import patch_extractor, weights
from dermgan_jax.statistics import classification

NEEDS_NOTHING = [
    name for name in registry.names("anomaly baseline") if not baseline.load(name).weights
]


@pytest.fixture(scope="module")
def golden():
    return anomaly_vectors.load("baseline_scores")


def test_nearest_neighbours(golden):
    for k in (1, 2, 5):
        found = nearest_distances(golden["in:train"], golden["in:test"], k)
        np.testing.assert_allclose(found, golden[f"out:knn{k}_mean_squared"], rtol=1e-4)
        auroc = classification.auc(golden["in:labels"] == 1, found)
        assert auroc == pytest.approx(golden[f"out:auroc:knn{k}_mean_squared"])
    with pytest.raises(UserError, match="1 normal training images have no 2 nearest ones"):
        nearest_distances(golden["in:train"][:1], golden["in:test"])


def test_principal_components(golden):
    mean, found = components(golden["in:train"], 5)
    left = residuals(golden["in:test"], mean, found)
    np.testing.assert_allclose(
        np.square(left).mean(1), golden["out:pca5_recon_mse"], rtol=1e-4, atol=1e-6
    )
    np.testing.assert_array_equal(found, components(golden["in:train"], 5)[1])
    with pytest.raises(UserError, match="16 principal components need more than 16 images"):
        components(golden["in:train"][:9])


def test_mean_image(golden):
    """Of images whose pixels are the vectors' numbers, brought to whole grey values."""
    both = np.concatenate([golden["in:train"], golden["in:test"]])
    low, high = both.min(), both.max()

    def images(rows):
        grey = np.round((rows - low) / (high - low) * 255).astype(np.uint8)
        return grey.reshape(len(rows), 4, 4, 1)

    detect = mean_image.fit(images(golden["in:train"]))
    found = detect(images(golden["in:test"]))
    expected = golden["out:mean_image_mse"] * (2 / (high - low)) ** 2
    np.testing.assert_allclose(found.scores, expected, rtol=0.02)
    assert found.maps.shape == (24, 4, 4)


@pytest.mark.parametrize("name", NEEDS_NOTHING)
def test_images_unlike_the_normal_ones_score_higher(name):
    rng = np.random.default_rng(0)
    normals = rng.normal(120, 8, (60, 16, 16, 3)).clip(0, 255).astype(np.uint8)
    odd = normals[:20].copy()
    odd[:, 4:10, 4:10] = 250
    found = baseline.load(name).fit(normals[20:], None)(np.concatenate([normals[:20], odd]), "")
    assert found.scores.shape == (40,)
    assert classification.auc(np.arange(40) >= 20, found.scores) > 0.95
    if found.maps is not None:
        assert found.maps.shape == (40, 16, 16)
        inside = found.maps[20:, 4:10, 4:10].mean()
        assert inside > 2 * found.maps[:20].mean()


def test_coreset_begins_with_the_corners():
    rng = np.random.default_rng(0)
    centres = 10 * rng.normal(size=(6, 8))
    points = (centres[rng.integers(6, size=300)] + rng.normal(size=(300, 8)) / 10).astype("float32")
    chosen = patch_memory.coreset(points, 6)
    nearest = np.square(points[chosen][:, None] - centres).sum(-1).argmin(1)
    assert sorted(nearest) == list(range(6))
    assert len(np.unique(patch_memory.coreset(points, 40))) == 40
    assert len(patch_memory.coreset(points[:5], 40)) == 5


def test_patch_distances_are_to_the_nearest_remembered():
    rng = np.random.default_rng(1)
    patches, memory = rng.normal(size=(3, 4, 5, 7)), rng.normal(size=(11, 7))
    expected = np.sqrt(np.square(patches[..., None, :] - memory).sum(-1)).min(-1)
    found = patch_memory.patch_distances(patches, memory)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert patch_memory.scaled_up(found, (16, 20)).shape == (3, 16, 20)


def test_joined_maps_average_three_by_three_places():
    fine = np.zeros((1, 4, 4, 1), np.float32)
    fine[0, 0, 0] = 9
    joined = np.asarray(patch_extractor.joined(fine, np.ones((1, 2, 2, 2), np.float32)))
    assert joined.shape == (1, 4, 4, 3)
    np.testing.assert_allclose(joined[0, :2, :2, 0], [[9 / 4, 9 / 6], [9 / 6, 1]])
    np.testing.assert_allclose(joined[..., 1:], 1)


@pytest.mark.skipif(
    not weights.available("efficientnet_lite0"), reason="the weights of Lite0 are not here"
)
@pytest.mark.parametrize("name", ["nearest_features", "patch_memory"])
def test_pretrained_features_find_what_is_odd(name):
    rng = np.random.default_rng(0)
    normals = rng.normal(120, 4, (12, 32, 32, 3)).clip(0, 255).astype(np.uint8)
    odd = normals[:4].copy()
    odd[:, ::4, 8:24] = 240
    found = baseline.load(name).fit(normals[4:], None)(np.concatenate([normals[:4], odd]), "")
    assert found.scores[4:].min() > found.scores[:4].max()
