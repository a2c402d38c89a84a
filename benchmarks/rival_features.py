"""The other side of features.py: Inception features by pytorch-fid or torch-fidelity.

    RIVAL_PYTHON rival_features.py PACKAGE TENSORS.npz FILES.txt BATCH RESULT.npy
    RIVAL_PYTHON rival_features.py fid TENSORS.npz FOLDER FOLDER BATCH

features.py starts it, with an interpreter that has PyTorch and PACKAGE and need not have
dermgan_jax. For every line on standard input it decodes, resizes and runs all files once by the
package's own function with its own number of worker processes, and prints a line of JSON: seconds,
CPU seconds of the process and its workers, worker processes, threads. The features (N, 2048) of
the last time are in RESULT.npy. The second form prints pytorch-fid's FID between two folders.
"""

import contextlib
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

Extract = Callable[[], np.ndarray]


def usual_workers() -> int:
    """As many processes as pytorch-fid decodes with by default."""
    return min(len(os.sched_getaffinity(0)), 8)


def pytorch_fid(state: dict, files: list[str], batch: int) -> tuple[Extract, int]:
    """As `python -m pytorch_fid` on CPUs, without writing a progress bar: (function, workers)."""
    from pytorch_fid import fid_score, inception

    inception.load_state_dict_from_url = lambda *args, **kwargs: state
    fid_score.tqdm = lambda batches: batches
    model = inception.InceptionV3([inception.InceptionV3.BLOCK_INDEX_BY_DIM[2048]])
    workers = usual_workers()
    paths = list(map(Path, files))
    return lambda: fid_score.get_activations(paths, model, batch, num_workers=workers), workers


def torch_fidelity(state: dict, files: list[str], batch: int) -> tuple[Extract, int]:
    """As `fidelity --fid` on CPUs without its cache: (function, workers)."""
    import multiprocessing

    from torch_fidelity.datasets import ImagesPathDataset
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    from torch_fidelity.utils import get_featuresdict_from_dataset

    with tempfile.NamedTemporaryFile() as file:
        torch.save(state, file.name)
        network = FeatureExtractorInceptionV3(
            "inception-v3-compat", ["2048"], feature_extractor_weights_path=file.name
        )
    network.eval()
    dataset = ImagesPathDataset(files)

    def extract() -> np.ndarray:
        with torch.no_grad():
            found = get_featuresdict_from_dataset(dataset, network, batch, False, False, False)
        return found["2048"].numpy()

    return extract, min(4, 2 * multiprocessing.cpu_count())


def cpu_seconds() -> float:
    """Of this process and of the worker processes that have ended."""
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def fid(tensors: str, first: str, second: str, batch: str) -> None:
    """Prints FID as `python -m pytorch_fid` does on CPUs."""
    from pytorch_fid import fid_score, inception

    inception.load_state_dict_from_url = lambda *args, **kwargs: read_state(tensors)
    found = fid_score.calculate_fid_given_paths(
        [first, second], int(batch), "cpu", 2048, usual_workers()
    )
    print(f"FID of pytorch-fid {found:.6f}", flush=True)


def read_state(tensors: str) -> dict:
    """The state dict in an .npz."""
    return {name: torch.from_numpy(tensor) for name, tensor in np.load(tensors).items()}


def main(package: str, tensors: str, files: str, batch: str, result: str) -> None:
    answers = sys.stdout
    rivals = {"pytorch-fid": pytorch_fid, "torch-fidelity": torch_fidelity}
    state = read_state(tensors)
    with contextlib.redirect_stdout(sys.stderr):
        extract, workers = rivals[package](state, Path(files).read_text().split("\n"), int(batch))
        for _ in sys.stdin:
            began, cpu_began = time.perf_counter(), cpu_seconds()
            features = extract()
            measured = {
                "seconds": time.perf_counter() - began,
                "cpu_seconds": cpu_seconds() - cpu_began,
                "workers": workers,
                "threads": torch.get_num_threads(),
            }
            np.save(result, features)
            print(json.dumps(measured), file=answers, flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "fid":
        fid(*sys.argv[2:])
    else:
        main(*sys.argv[1:])
