#!/usr/bin/env bash
# Runs a training command on all hosts of a Cloud TPU VM (slice); they find each other by themselves.
#   TPU=name ZONE=us-central2-b SOURCE=https://…/dermgan_jax.git COMMIT=0123abc… \
#       launch/tpu_vm.sh train --config=pgan --workdir=gs://BUCKET/runs/pgan \
#       --config.data.dir=gs://BUCKET/ISIC2018
# Work directory and data lie in a bucket that the TPU's service account may use; the hosts share
# no folder. All of them run COMMIT, whatever the repository's branches point to meanwhile; it is
# that of this clone where it is not given, and has to be in SOURCE. PYTHON names the hosts' Python,
# 3.11 or newer, where it is not python3.
set -euo pipefail
: "${TPU:?name of the TPU VM}" "${ZONE:?its zone}" "${SOURCE:?git address of this repository}"
: "${1:?arguments of dermgan}"
here=$(dirname "${BASH_SOURCE[0]}")
commit=${COMMIT-$(git -C "$here" rev-parse HEAD)}
[[ $commit =~ ^[0-9a-f]{40}$ ]] || {
    echo "COMMIT is '$commit': give the 40 digits of a commit (git rev-parse HEAD)" >&2
    exit 2
}
echo "all hosts run commit $commit"
[ -n "${COMMIT-}" ] || [ -z "$(git -C "$here" status --porcelain)" ] ||
    echo "note: changes of this clone that are not committed are no part of it" >&2

arguments=$(printf ' %q' "$@")
gcloud compute tpus tpu-vm ssh "$TPU" --zone="$ZONE" --worker=all --command="
    set -e
    [ -d dermgan_jax ] || git clone --quiet $(printf '%q' "$SOURCE") dermgan_jax
    cd dermgan_jax
    git fetch --quiet origin $commit
    git checkout --quiet --detach $commit
    export PYTHON=$(printf '%q' "${PYTHON:-python3}") EXTRA=tpu,gcs DERMGAN_DISTRIBUTED=1
    bash launch/local.sh run$arguments
"
