"""Plans of configurations, a line each: memory, speed and time on several accelerators.

  python benchmarks/plans.py --accelerators=l4,h100 --configs=dcgan,pgan
  python benchmarks/plans.py --accelerators=v5e:1x1 --compile

Without --configs: every configuration of a model that is made for real images of real size. The
largest stage is shown; hours are of the whole run, at least (`dermgan plan`).
"""

import argparse

from dermgan_jax.commands import configuration
from dermgan_jax.config import validate
from dermgan_jax.errors import UserError
from dermgan_jax.planning import accelerators, plan

GIB = 1 << 30
REAL = (
    *("anomaly_ham10000", "anomaly_xray", "classifier", "cut", "cyclegan_derm7pt"),
    *("cyclegan_pneumonia", "dcgan", "fastgan", "lapgan", "pgan", "pix2pix", "projected"),
    *("projected:256", "segmenter", "spade", "stylegan2_melanoma", "stylegan2_melanoma:256"),
    *("superres_ham10000",),
)

HEAD = (
    *("configuration", "accelerator", "stage", "batch", "GiB", "fits", "largest", "GFLOP/image"),
    *("images/s", "of peak", "limit", "hours"),
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--accelerators", default="l4,h100")
    parser.add_argument("--configs", default=",".join(REAL))
    parser.add_argument("--compile", action="store_true", help="of TPUs, which takes hours")
    args = parser.parse_args()
    print(
        "| configuration | accelerator | stage | batch | GiB | fits | largest | GFLOP/image |",
        end="",
    )
    print(" images/s | of peak | limit | hours |")
    print("| --- |" + " --- |" * 11)
    for name in args.configs.split(","):
        for accelerator in args.accelerators.split(","):
            print(
                f"| `{name}` | {accelerator} | {_line(name, accelerator, args.compile)} |",
                flush=True,
            )


def _line(name: str, accelerator: str, compiles: bool) -> str:
    config = validate(configuration.parse([f"--config={name}"]))
    try:
        found = plan.make_plan(config, accelerators.parse(accelerator), compiles=compiles)
    except UserError as error:
        return f"{error} " + "| " * 9
    row = max(found.configured, key=lambda row: row.memory.total)
    fits = {True: "yes", False: "no", None: ""}[row.fits]
    cells = (
        *(row.stage, row.batch_size, f"{row.memory.total / GIB:.2f}", fits, row.largest_batch),
        *(f"{row.flops_per_image / 1e9:,.3g}", f"{row.images_per_second:,.0f}"),
        *(f"{row.bound.peak_share:.0%}", row.bound.limit, f"{found.hours:.3g}"),
    )
    return " | ".join(map(str, cells))


if __name__ == "__main__":
    main()
