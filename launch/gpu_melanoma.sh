#!/usr/bin/env bash
# StyleGAN2-ADA at 128x128 on the melanomas of HAM10000's training split, on one GPU, with all that
# is said about it: training with FID and KID per snapshot, samples, the audit against copies.
#   launch/gpu_melanoma.sh HAM10000_FOLDER WORKDIR [--config.train.total_kimg=… and so on]
# Stopped at any moment, the same line continues. WEIGHTS names the folder of pretrained weights.
set -euo pipefail
[ $# -ge 2 ] || {
    sed -n '2,5s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
}
data=$(realpath "$1")
workdir=$(realpath -m "$2")
shift 2
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export EXTRA=${EXTRA-cuda} DERMGAN_WEIGHTS=${WEIGHTS:-$HOME/.cache/dermgan_jax/weights}
run() { bash launch/local.sh run "$@"; }

run weights --weights="$DERMGAN_WEIGHTS" --fetch=inception,efficientnet_lite0,lpips_alex
run train --config=stylegan2_melanoma:ada --workdir="$workdir" --config.data.dir="$data" \
    --config.precision=bfloat16 --config.train.steps_per_call=1 "$@"
run generate --workdir="$workdir" --num=1000 --out="$workdir/generated"
run filter --workdir="$workdir" --input="$workdir/generated" --out="$workdir/best" --keep=0.3
run interpolate --workdir="$workdir" --space=w --out="$workdir/walk"
run mix --workdir="$workdir" --out="$workdir/mixing.png"
# Exit code 3 is the audit's own: synthetic images lie too close to training images.
run audit --train="$workdir" --fake="$workdir/generated" --held_out=ham10000:test:mel \
    --out="$workdir/audit"
