"""Images per second of one training iteration of several models, against plain PyTorch.

    python benchmarks/training_step.py --rival_python=PYTHON
        [--families=projected,fastgan,stylegan2,spade,superres --side=64 --batch=16
         --iterations=32 --cores=2]

PYTHON is an interpreter with PyTorch, so that it is not needed here; without it only ours are
measured. The networks are those of configs/projected.py:cpu, with fakes of its own for either net,
of configs/fastgan.py:cpu, whose reconstructions are judged by pixels, and of
configs/stylegan2_melanoma.py:small, all without augmentation; of configs/spade.py:small; and an
RRDBNet of 4 blocks with a U-Net discriminator in the second stage of configs/superres_ham10000.py,
without its perceptual term. An iteration is everything:
all phases that are due (StyleGAN2's penalties in some only), optimisers, averages. The two programs
take turns, one waiting while the other computes; the mean of the iterations counts, after warm-up
and without compilation.
"""

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict
from rival import Rival

from dermgan_jax import config as config_schema
from dermgan_jax import registry
from dermgan_jax.cache import cache_dir
from dermgan_jax.data.records import DataSpec
from dermgan_jax.runs.state import init_state
from dermgan_jax.studies.experiments import read_experiment
from dermgan_jax.train import sharding
from dermgan_jax.train.recipe import Recipe
from dermgan_jax.train.step import StageInputs, compile_steps

CONFIGS = Path(__file__).parents[1] / "configs"
WARM_UP = 2


def configured(family: str, side: int, batch: int) -> ConfigDict:
    """The experiment whose iterations are measured."""
    if family == "projected":
        config = read_experiment(CONFIGS / "projected.py", "cpu")
        config.model.update({"fresh_fakes": True, "pretrained": False})
    elif family == "fastgan":
        config = read_experiment(CONFIGS / "fastgan.py", "cpu")
        config.model.distance = "pixels"
    elif family == "stylegan2":
        config = read_experiment(CONFIGS / "stylegan2_melanoma.py", "small")
    elif family == "spade":
        config = read_experiment(CONFIGS / "spade.py", "small")
    else:
        config = read_experiment(CONFIGS / "superres_ham10000.py", "small")
        config.model.update({"generator": "rrdbnet", "num_blocks": 4, "width": 32, "growth": 16})
        config.model.update({"discriminator": "unet", "perceptual": 0.0, "rotate": False})
    if "augment" in config.model:
        config.model.augment = "none"
    config.data.resolution = side
    config.train.batch_size = batch
    return config


def our_step(config: ConfigDict) -> tuple[Callable[[int], None], int]:
    """(a function that makes iteration `number` and waits for it, parameters that are trained)."""
    config = config_schema.validate(config)
    side, batch = config.data.resolution, config.train.batch_size
    masks = 2 if config.data.masks else 0
    spec = DataSpec(side, side, 3, (100,) * 7 if masks else (), 779, mask_classes=masks)
    model = registry.load("model", config.model.name)(config, spec)
    recipe = Recipe(model, sharding.data_mesh(jax.devices()[:1]))
    state = jax.jit(lambda: init_state(model))()
    # The last stage is what most of the time goes into.
    run, stage = compile_steps(recipe), model.stage(10**9)
    rates = {net: jnp.full(1, rate) for net, rate in stage.learning_rates.items()}
    inputs, active = StageInputs(rates, {}, jnp.zeros(1, jnp.uint32)), jnp.ones(1, bool)
    rng = np.random.default_rng(0)
    repeats = model.iteration_images(stage) // batch

    def step(number: int) -> None:
        nonlocal state
        images = rng.integers(0, 256, (1, repeats, batch, side, side, 3), np.uint8)
        batches = {"image": images, "label": np.zeros(images.shape[:3], np.int32)}
        if masks:
            batches["mask"] = images[..., :1] // 128
        state, _ = run(
            *(state, batches, {}, inputs, active),
            image_size=(side, side),
            phases=recipe.phases_in(stage),
        )
        jax.block_until_ready(state)

    trained = {net for phase in recipe.phases for net in phase.trains}
    sizes = (x.size for net in trained for x in jax.tree.leaves(state.variables[net]["params"]))
    return step, sum(sizes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rival_python", help="interpreter that has PyTorch")
    parser.add_argument("--families", default="projected,fastgan,stylegan2,spade,superres")
    parser.add_argument("--side", type=int, default=64, help="of the images, pixels")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--iterations", type=int, default=32, help="a multiple of 16")
    parser.add_argument("--cores", type=int, help="use only so many, both")
    arguments = parser.parse_args()
    if arguments.cores:  # before JAX starts its threads; the rival inherits it
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    cores = len(os.sched_getaffinity(0))
    jax.config.update("jax_compilation_cache_dir", str(cache_dir() / "xla"))
    for family in arguments.families.split(","):
        side, batch = arguments.side, arguments.batch
        step, parameters = our_step(configured(family, side, batch))
        # Every program that there is; the first one once more, compiled for a state on devices.
        for number in (0, 1, 4, 0):
            step(number)
        rival = None
        if arguments.rival_python:
            script = "rival_training_step.py"
            rival = Rival(arguments.rival_python, script, family, side, batch, cores)
            theirs = [rival.measure() for _ in range(WARM_UP)]
        ours, theirs = [], []
        for number in range(arguments.iterations):
            began = time.perf_counter()
            step(number)
            ours.append(time.perf_counter() - began)
            if rival:
                theirs.append(rival.measure())
        rate = batch / np.mean(ours)
        print(f"{family:12}dermgan_jax {rate:8.1f} images/s{parameters:14,} parameters", flush=True)
        if rival:
            other = batch / np.mean([answer["seconds"] for answer in theirs])
            print(
                f"{'':12}PyTorch     {other:8.1f} images/s{theirs[0]['parameters']:14,} parameters"
            )
            print(f"{'':12}ratio       {rate / other:8.2f}", flush=True)
            rival.close()
    load = os.getloadavg()
    print(f"{cores} cores, load average {load[0]:.1f} (of 5 minutes: {load[1]:.1f})")


if __name__ == "__main__":
    main()
