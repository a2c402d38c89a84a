#!/usr/bin/env bash
# Runs a training command on all hosts of a Cloud TPU VM (slice); they find each other by themselves.
#   TPU=name ZONE=us-central2-b SOURCE=https://…/dermgan_jax.git \
#       launch/tpu_vm.sh train --config=pgan --workdir=gs://BUCKET/runs/pgan \
#       --config.data.dir=gs://BUCKET/ISIC2018
# Work directory and data lie in a bucket that the TPU's service account may use; the hosts share
# no folder. PYTHON names the hosts' Python, 3.11 or newer, where it is not python3.
set -euo pipefail
: "${TPU:?name of the TPU VM}" "${ZONE:?its zone}" "${SOURCE:?git address of this repository}"
: "${1:?arguments of dermgan}"

arguments=$(printf ' %q' "$@")
gcloud compute tpus tpu-vm ssh "$TPU" --zone="$ZONE" --worker=all --command="
    set -e
    [ -d dermgan_jax ] || git clone --quiet $(printf '%q' "$SOURCE") dermgan_jax
    cd dermgan_jax
    git pull --quiet --ff-only
    export PYTHON=$(printf '%q' "${PYTHON:-python3}") EXTRA=tpu,gcs DERMGAN_DISTRIBUTED=1
    bash launch/local.sh run$arguments
"
