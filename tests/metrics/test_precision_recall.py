"""Improved precision and recall against the authors' code and torch-fidelity."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from dermgan_jax.errors import UserError
from dermgan_jax.metrics import neighbours, precision_recall
from dermgan_jax.metrics.neighbours import centred, squared_radii

GOLDEN = Path(__file__).parents[1] / "golden" / "metrics"


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    return dict(np.load(GOLDEN / "improved_precision_recall.npz"))


@pytest.mark.parametrize("k", [3, 5, 10])
def test_equals_the_authors(golden, k):
    found = precision_recall.manifolds(golden["in:real"], golden["in:fake"], k)
    assert found.fake_in_real.mean() == golden[f"out:k{k}_precision"]
    assert found.real_in_fake.mean() == golden[f"out:k{k}_recall"]


def test_radii_membership_realism_and_nearest_neighbour(golden):
    real, fake = golden["in:real"], golden["in:fake"]
    radii = squared_radii(centred(real, fake)[0], 3)
    np.testing.assert_allclose(radii, golden["out:radii_sq_k3_real"], rtol=1e-4)
    inside = precision_recall.manifolds(real, fake).fake_in_real
    np.testing.assert_array_equal(inside, golden["out:fake_in_real_manifold"])
    realism, indices = precision_recall.realism(real, fake)
    np.testing.assert_allclose(realism, golden["out:realism"], rtol=1e-4)
    np.testing.assert_array_equal(indices, golden["out:nearest_real_index"])


@pytest.mark.parametrize("k", [1, 3, 5])
def test_equals_prdc(k):
    """It leaves the border of the balls out, where none of these points lies."""
    golden = np.load(GOLDEN / "prdc.npz")
    found = precision_recall.manifolds(golden["in:real"], golden["in:fake"], k)
    for name, share in (("precision", found.fake_in_real), ("recall", found.real_in_fake)):
        assert share.mean() == pytest.approx(float(golden[f"out:k{k}_{name}"]))


@pytest.mark.parametrize("k", [3, 5])
@pytest.mark.parametrize("saved", [0, 1])
def test_equals_torch_fidelity(k, saved):
    golden = np.load(GOLDEN / "prdc.npz")
    found = precision_recall.manifolds(golden["in:real"], golden["in:fake"], k)
    precision, recall = (share.mean() for share in found)
    f_score = 2 * precision * recall / (precision + recall)
    expected = golden[f"out:torch_fidelity_k{k}_save{saved}"]
    np.testing.assert_allclose((precision, recall, f_score), expected, rtol=1e-6)


def test_fact_sheet():
    x = np.random.RandomState(0).randn(500, 16)
    y = np.random.RandomState(1).randn(500, 16) * 1.2 + 0.5
    precision, recall = precision_recall.compute(x, y, seed=0)
    assert (precision.value, recall.value) == (0.344, 0.872)
    assert (precision.name, recall.name) == ("precision", "recall")
    assert precision.interval[0] < 0.344 < precision.interval[1]


def test_several_blocks_far_from_the_origin():
    """1,100 and 600 points make three and two blocks; float32 would lose them at 1,000."""
    random = np.random.default_rng(0)
    real, fake = random.normal(size=(1100, 3)), random.normal(size=(600, 3)) + 1
    found = precision_recall.manifolds(real + 1e3, fake + 1e3)
    radii = [np.sort(cdist(side, side), axis=1)[:, 3] for side in (real, fake)]
    in_real, in_fake = cdist(fake, real) <= radii[0], cdist(real, fake) <= radii[1]
    np.testing.assert_array_equal(found.fake_in_real, in_real.any(axis=1))
    np.testing.assert_array_equal(found.real_in_fake, in_fake.any(axis=1))


def test_the_border_belongs_to_the_ball():
    real = np.array([[0.0], [1.0], [2.0], [3.0]])
    fake = np.array([[6.0], [6.5], [20.0], [30.0]])
    inside = precision_recall.manifolds(real, fake).fake_in_real
    np.testing.assert_array_equal(inside, [True, False, False, False])


@pytest.mark.parametrize("kth_smallest", [neighbours._kth_on_host, neighbours._kth_on_device])
def test_kth_distance_on_every_platform(kth_smallest):
    distances = np.random.default_rng(0).random((6, 30), np.float32)
    for k in (1, 5):
        np.testing.assert_array_equal(kth_smallest(distances, k), np.sort(distances)[:, k - 1])


def test_identical_sets():
    points = np.random.default_rng(0).normal(size=(40, 5))
    precision, recall = precision_recall.compute(points, points, seed=0)
    assert precision.value == recall.value == 1
    assert precision.interval[0] < 1


def test_fewer_images_than_neighbours():
    with pytest.raises(UserError, match="3 fake images are too few, it needs at least 4"):
        precision_recall.compute(np.zeros((9, 2)), np.zeros((3, 2)), seed=0)
    with pytest.raises(UserError, match="9 images have no 10 neighbours"):
        precision_recall.manifolds(np.zeros((9, 2)), np.zeros((30, 2)), k=10)
