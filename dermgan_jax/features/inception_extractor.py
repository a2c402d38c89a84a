"""The feature extractors of FID, KID and Inception Score: Inception with a protocol's images."""

import functools

import jax

from dermgan_jax.errors import UserError
from dermgan_jax.features import inception, inception_weights, weights
from dermgan_jax.features.extractor import Extractor, Variables, batched
from dermgan_jax.features.published_weights import FILES
from dermgan_jax.files import Path
from dermgan_jax.formats.tensor_files import read_tensors
from dermgan_jax.registry import did_you_mean

PROTOCOLS = ("fid", "fid:tf", "fid:clean")


def load(
    protocol: str = "fid",
    folder: Path | None = None,
    *,
    logits: bool = False,
    batch_size: int | None = None,
) -> Extractor:
    """The extractor of a protocol: "pool3" (N, 2048) and, if the file has them, "logits" (N, 1008).

    Args:
      protocol: "fid" as pytorch-fid, "fid:tf" as torch-fidelity, "fid:clean" as clean-fid.
      folder: where to look for the weights first.
      logits: whether they must be there, for Inception Score; one of the two files lacks them.
      batch_size: images per step at most; see `base.batched`.

    Raises:
      UserError: if there is no such protocol, or the weights are not found or not the right ones.
    """
    if protocol not in PROTOCOLS:
        raise UserError(f"unknown FID protocol {protocol!r}{did_you_mean(protocol, PROTOCOLS)}")
    has_both = logits or weights.available("inception_logits", folder)
    name = "inception_logits" if has_both else "inception"
    tensors = read_tensors(weights.find(name, folder))
    network, variables = inception_weights.from_torch(tensors)

    def forward(variables: Variables, images: jax.Array) -> dict[str, jax.Array]:
        with jax.default_matmul_precision("highest"):  # not TF32 on GPUs: values must agree
            return network.apply(variables, images)

    return Extractor(
        name=protocol,
        weights_id=FILES[name].sha256[:8],
        dim=2048,
        extract=batched(
            functools.partial(inception.preprocess, protocol=protocol),
            forward,
            variables,
            batch_size,
        ),
    )
