#!/usr/bin/env bash
# A generator of the melanomas of HAM10000's training split at 256x256, on one GPU, with all that is
# said about it: training with FID and KID, samples of its best checkpoint, the audit against copies.
#   launch/gpu_melanoma.sh HAM10000_FOLDER WORKDIR [FAMILY] [--config.train.total_kimg=… and so on]
# FAMILY is projected (Projected GAN, the default), fastgan or stylegan2 (with ADA).
# Stopped at any moment, the same line continues. DERMGAN_WEIGHTS names the folder of weights.
set -euo pipefail
[ $# -ge 2 ] || {
    sed -n '2,6s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
}
data=$(realpath "$1")
workdir=$(realpath -m "$2")
shift 2
family=projected
case ${1-} in
    --* | "") ;;
    *) family=$1 && shift ;;
esac
needed=inception,efficientnet_lite0,lpips_alex
case $family in
    projected) config=projected:256 ;;
    fastgan) config=fastgan needed=$needed,lpips_vgg ;;
    stylegan2) config=stylegan2_melanoma:256 ;;
    *)
        echo "unknown FAMILY $family: projected, fastgan or stylegan2" >&2
        exit 2
        ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export EXTRA=${EXTRA-cuda}
[ -z "${WEIGHTS-}" ] || export DERMGAN_WEIGHTS=$WEIGHTS # its former name
run() { bash launch/local.sh run "$@"; }

run weights --fetch="$needed"
run train --config="$config" --workdir="$workdir" --config.data.dir="$data" \
    --config.precision=bfloat16 --config.train.steps_per_call=1 "$@"
run generate --workdir="$workdir" --checkpoint=best --num=1000 --out="$workdir/generated"
if [ -e "$workdir/kept/scores.json" ]; then
    echo "$workdir/kept is there and left as it is"
else
    [ ! -e "$workdir/kept" ] || echo "$workdir/kept is of a filter that was stopped: begun anew"
    rm -rf "$workdir/kept"
    run filter --workdir="$workdir" --input="$workdir/generated" --out="$workdir/kept" --keep=0.3
fi
if [ "$family" = stylegan2 ]; then
    run interpolate --workdir="$workdir" --checkpoint=best --space=w --out="$workdir/walk"
    run mix --workdir="$workdir" --checkpoint=best --out="$workdir/mixing.png"
else
    run interpolate --workdir="$workdir" --checkpoint=best --out="$workdir/walk"
fi
# All that was drawn, of which those kept are a part. Exit code 3 is the audit's own: synthetic images
# lie too close to training images.
run audit --train="$workdir" --fake="$workdir/generated" --held_out=ham10000:test:mel \
    --out="$workdir/audit"
