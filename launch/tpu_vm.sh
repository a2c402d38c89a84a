#!/usr/bin/env bash
# Runs a training command on all hosts of a Cloud TPU VM (slice); they find each other by themselves.
#   TPU=name ZONE=us-central2-b SOURCE=https://…/dermgan_jax.git \
#       launch/tpu_vm.sh --config=configs/pgan.py --workdir=/mnt/shared/runs/pgan
# The work directory must be a folder that all hosts see. PYTHON names the hosts' Python, 3.11 or
# newer, where it is not python3.
set -euo pipefail
: "${TPU:?name of the TPU VM}" "${ZONE:?its zone}" "${SOURCE:?git address of this repository}"
: "${1:?arguments of dermgan_jax.main}"

arguments=$(printf ' %q' "$@")
gcloud compute tpus tpu-vm ssh "$TPU" --zone="$ZONE" --worker=all --command="
    set -e
    [ -d dermgan_jax ] || git clone --quiet $(printf '%q' "$SOURCE") dermgan_jax
    cd dermgan_jax
    git pull --quiet --ff-only
    export PYTHON=$(printf '%q' "${PYTHON:-python3}") EXTRA=tpu DERMGAN_DISTRIBUTED=1
    bash launch/local.sh run$arguments
"
