"""Files of mean and covariance of features, as other programs keep them for a Fréchet distance.

Read are the keys `mu` (d,) and `sigma` (d, d) of an .npz (pytorch-fid, TTUR, clean-fid, EDM, the
reference batches of guided-diffusion) or of a saved dictionary (torch-fidelity's .pt), and EDM2's
.pkl with one such pair for each network. Pickles are read without running what they ask for (see
`formats.safe_pickle`). Written is pytorch-fid's .npz, with `n` and `protocol` beside: the number of
images, and the network with its resizing, which no other program tells.
"""

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from dermgan_jax import files
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.formats import tensor_files
from dermgan_jax.metrics import frechet
from dermgan_jax.metrics.feature_arrays import check_one

MEAN, COVARIANCE, NUMBER, PROTOCOL = "mu", "sigma", "n", "protocol"
PICKLES = (".pkl", ".pt", ".pth")
EDM2 = {"fid": "fid", "fd:dinov2_l14": "fd_dinov2"}  # our metric -> its name of it
ASYMMETRY = 1e-4  # of the largest number in a covariance, which float32 stays far below


class Statistics(NamedTuple):
    """Moments of features from a file.

    Attributes:
      mean: float64 (d,).
      covariance: float64 (d, d), taken as unbiased.
      n: images, None if the file does not tell.
      protocol: "NETWORK:WEIGHTS" as in our protocols; "" if the file does not tell.
      digest: the first eight digits of the file's sha256.
    """

    mean: np.ndarray
    covariance: np.ndarray
    n: int | None
    protocol: str
    digest: str

    @property
    def moments(self) -> frechet.Moments:
        """For `frechet`, which looks at mean and covariance only."""
        return frechet.from_covariance(self.n or 2, self.mean, self.covariance)


def holds_statistics(path: Path) -> bool:
    """Whether a file is one of statistics and not of images.

    Raises:
      UserError: if it is an .npz that cannot be read.
    """
    if path.suffix.lower() in PICKLES:
        return path.is_file()
    if path.suffix.lower() != ".npz" or not path.is_file():
        return False
    with tensor_files.opened(path, ".npz file"), files.open_arrays(path) as arrays:
        return "images" not in arrays and bool({MEAN, COVARIANCE} & {*arrays})


def read(path: Path, metric: str) -> Statistics:
    """The statistics that a metric is to be taken against.

    Args:
      path: of the file.
      metric: registered name, such as "fid", where a file has statistics of several networks.

    Raises:
      UserError: if the file cannot be read, or holds no mean and covariance that fit each other.
    """
    tensors = tensor_files.read_tensors(path)
    prefix = ""
    if MEAN not in tensors and any(name.endswith(f".{MEAN}") for name in tensors):
        prefix = f"{EDM2.get(metric, metric)}."
    if "raw_mean" in tensors:
        raise UserError(
            f"{path} holds the sums of StyleGAN's FeatureStats, not a mean: in its program, save "
            "get_mean_cov() with numpy.savez(FILE, mu=mean, sigma=covariance)"
        )
    mean, covariance = (
        _floats(path, tensors, f"{prefix}{key}", shape)
        for key, shape in ((MEAN, "(d,)"), (COVARIANCE, "(d, d)"))
    )
    _require_fitting(path, mean, covariance)
    return Statistics(mean, covariance, *_told(path, tensors), _digest(path))


def write(path: Path, features: np.ndarray, protocol: str) -> None:
    """Writes the statistics of features (n, d) as pytorch-fid's .npz.

    Args:
      path: of the file, which is replaced.
      features: of two images or more.
      protocol: "NETWORK:WEIGHTS" of the features.

    Raises:
      UserError: if its name does not end in .npz, or see `feature_arrays.check_one`.
    """
    if path.suffix.lower() != ".npz":
        raise UserError(f"{path}: statistics are a file that ends in .npz")
    check_one("statistics", features, side="real")
    found = frechet.moments(features)
    arrays = {
        MEAN: found.mean,
        COVARIANCE: found.covariance,
        NUMBER: np.array(found.n),
        PROTOCOL: np.array(protocol),
    }
    files.write_arrays(path, **arrays)


def _floats(path: Path, tensors: Mapping[str, np.ndarray], key: str, shape: str) -> np.ndarray:
    """A mean or a covariance, float64."""
    if key not in tensors:
        raise UserError(
            f"{path} has no {key!r}, but {', '.join(sorted(tensors))}: statistics are {MEAN} (d,) "
            f"and {COVARIANCE} (d, d)"
        )
    found = tensors[key]
    if found.ndim != shape.count("d") or len(set(found.shape)) != 1 or not found.size:
        raise UserError(f"{key!r} in {path} has shape {found.shape}, not {shape}")
    if not np.issubdtype(found.dtype, np.floating):
        raise UserError(f"{key!r} in {path} is {found.dtype}: statistics are floats")
    if not np.isfinite(found).all():
        raise UserError(f"{key!r} in {path} has NaN or infinite values: make it again")
    return found.astype(np.float64)


def _require_fitting(path: Path, mean: np.ndarray, covariance: np.ndarray) -> None:
    if len(mean) != len(covariance):
        raise UserError(
            f"{path}: {MEAN!r} has {len(mean)} numbers, but {COVARIANCE!r} is of {len(covariance)}"
        )
    largest = np.abs(covariance).max()
    if np.abs(covariance - covariance.T).max() > ASYMMETRY * largest:
        raise UserError(f"{COVARIANCE!r} in {path} is not symmetric, as covariances are")
    if np.diagonal(covariance).min() < -ASYMMETRY * largest:
        raise UserError(f"{COVARIANCE!r} in {path} has variances below 0")


def _told(path: Path, tensors: Mapping[str, np.ndarray]) -> tuple[int | None, str]:
    """The number of images and the protocol, as this program writes them."""
    number, protocol = tensors.get(NUMBER), tensors.get(PROTOCOL)
    if number is not None and (number.size != 1 or number.dtype.kind not in "iu" or number < 2):
        raise UserError(f"{NUMBER!r} in {path} is no number of images")
    if protocol is not None and (protocol.size != 1 or protocol.dtype.kind != "U"):
        raise UserError(f"{PROTOCOL!r} in {path} is no text")
    return (
        None if number is None else int(number.item()),
        "" if protocol is None else str(protocol.item()),
    )


def _digest(path: Path) -> str:
    with files.open_plain(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:8]
