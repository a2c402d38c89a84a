"""Files of mean and covariance: those of other programs are read, anything else is refused."""

import pickle

import numpy as np
import pytest

from dermgan_jax.errors import UserError
from dermgan_jax.metrics import frechet, statistics_files

RANDOM = np.random.default_rng(0)
REAL = RANDOM.normal(size=(50, 6))
FAKE = RANDOM.normal(size=(40, 6)) * 1.3 + 0.2
MEAN, COVARIANCE = REAL.mean(axis=0), np.cov(REAL, rowvar=False)


def saved(path, **arrays):
    np.savez_compressed(path, **arrays)
    return path


def test_distance_to_statistics_is_that_to_the_images(tmp_path):
    path = saved(tmp_path / "a.npz", mu=MEAN, sigma=COVARIANCE)
    found = statistics_files.read(path, "fid")
    assert (found.n, found.protocol, len(found.digest)) == (None, "", 8)
    value = frechet.compute_against(found.moments, FAKE)
    (expected,) = frechet.compute(REAL, FAKE, seed=0)
    assert value.value == pytest.approx(expected.value, abs=1e-9)
    np.testing.assert_allclose(value.influence.fake, expected.influence.fake, atol=1e-9)
    assert value.std == pytest.approx(np.sqrt(expected.influence.fake.var(ddof=1) / 40))
    assert value.std < expected.std
    assert value.n_real is None
    with pytest.raises(UserError, match="the reference has 6 numbers per image, fake features 5"):
        frechet.compute_against(found.moments, FAKE[:, :5])


def test_what_is_written_is_read_and_is_pytorch_fids(tmp_path):
    statistics_files.write(tmp_path / "a.npz", REAL.astype(np.float32), "fid:0123abcd")
    found = statistics_files.read(tmp_path / "a.npz", "fid")
    assert (found.n, found.protocol) == (50, "fid:0123abcd")
    with np.load(tmp_path / "a.npz") as arrays:  # as pytorch-fid does
        mean, covariance = arrays["mu"][:], arrays["sigma"][:]
    assert mean.dtype == covariance.dtype == np.float64
    np.testing.assert_allclose(mean, MEAN, atol=1e-6)
    np.testing.assert_allclose(covariance, COVARIANCE, atol=1e-6)
    np.testing.assert_array_equal(found.mean, mean)
    np.testing.assert_array_equal(found.covariance, covariance)
    for features, name in ((REAL[:1], "a.npz"), (REAL, "a.txt")):
        with pytest.raises(UserError, match=r"1 real images are too few|ends in \.npz"):
            statistics_files.write(tmp_path / name, features, "fid:0123abcd")


def test_layouts_of_other_programs(tmp_path):
    other = {"mu": MEAN[:5], "sigma": COVARIANCE[:5, :5]}
    edm2 = {"num_images": 50, "fid": {"mu": MEAN, "sigma": COVARIANCE}, "fd_dinov2": other}
    (tmp_path / "edm2.pkl").write_bytes(pickle.dumps(edm2))
    plain = {"mu": np.float32(MEAN), "sigma": np.float32(COVARIANCE)}
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps(plain))
    reference = saved(
        *(tmp_path / "batch.npz",),
        **{"arr_0": np.zeros((2, 4, 4, 3), np.uint8), "mu": MEAN, "sigma": COVARIANCE},
        **{"mu_s": MEAN[:3], "sigma_s": COVARIANCE[:3, :3]},
    )
    for path in (tmp_path / "edm2.pkl", tmp_path / "plain.pkl", reference):
        assert statistics_files.holds_statistics(path)
        found = statistics_files.read(path, "fid")
        np.testing.assert_allclose(found.covariance, COVARIANCE, atol=1e-6)
    found = statistics_files.read(tmp_path / "edm2.pkl", "fd:dinov2_l14")
    np.testing.assert_array_equal(found.mean, MEAN[:5])
    with pytest.raises(UserError, match=r"has no 'fid:tf.mu', but fd_dinov2.mu, .*fid.mu"):
        statistics_files.read(tmp_path / "edm2.pkl", "fid:tf")


def test_sums_of_stylegan_and_code_are_refused(tmp_path):
    sums = {"capture_all": False, "num_items": 50, "raw_mean": 50 * MEAN, "raw_cov": REAL.T @ REAL}
    (tmp_path / "stylegan.pkl").write_bytes(pickle.dumps(sums))
    with pytest.raises(UserError, match=r"StyleGAN's FeatureStats.*get_mean_cov\(\)"):
        statistics_files.read(tmp_path / "stylegan.pkl", "fid")
    (tmp_path / "code.pkl").write_bytes(pickle.dumps({"mu": print}))
    with pytest.raises(UserError, match="refused, because it could run any code"):
        statistics_files.read(tmp_path / "code.pkl", "fid")


def crooked():
    found = COVARIANCE.copy()
    found[0, 1] += 1
    return found


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"mu": MEAN}, "has no 'sigma', but mu: statistics are"),
        ({"sigma": COVARIANCE}, "has no 'mu', but sigma"),
        ({"mu": MEAN[:5], "sigma": COVARIANCE}, "'mu' has 5 numbers, but 'sigma' is of 6"),
        ({"mu": MEAN, "sigma": COVARIANCE[:5]}, r"'sigma' in .* has shape \(5, 6\), not \(d, d\)"),
        ({"mu": MEAN[None], "sigma": COVARIANCE}, r"'mu' in .* has shape \(1, 6\), not \(d,\)"),
        ({"mu": MEAN, "sigma": crooked()}, "'sigma' in .* is not symmetric"),
        ({"mu": MEAN, "sigma": -COVARIANCE}, "has variances below 0"),
        ({"mu": MEAN * np.nan, "sigma": COVARIANCE}, "'mu' in .* has NaN or infinite"),
        ({"mu": MEAN, "sigma": COVARIANCE * np.nan}, "'sigma' in .* has NaN or infinite"),
        ({"mu": np.int64(MEAN), "sigma": COVARIANCE}, "'mu' in .* is int64: statistics are floats"),
        ({"mu": MEAN, "sigma": COVARIANCE, "n": 1}, "'n' in .* is no number of images"),
        ({"mu": MEAN, "sigma": COVARIANCE, "protocol": 3}, "'protocol' in .* is no text"),
    ],
)
def test_what_is_no_file_of_statistics(arrays, told, tmp_path):
    path = saved(tmp_path / "a.npz", **arrays)
    assert statistics_files.holds_statistics(path)
    with pytest.raises(UserError, match=told):
        statistics_files.read(path, "fid")


def test_images_and_folders_hold_no_statistics(tmp_path):
    images = saved(tmp_path / "images.npz", images=np.zeros((2, 4, 4, 3), np.uint8))
    for path in (images, tmp_path, tmp_path / "nowhere.npz", tmp_path / "nowhere.pkl"):
        assert not statistics_files.holds_statistics(path)
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04broken")
    with pytest.raises(UserError, match=r"broken\.npz cannot be read"):
        statistics_files.holds_statistics(tmp_path / "broken.npz")
