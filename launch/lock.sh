#!/usr/bin/env bash
# Writes launch/locked/*.txt anew: the exact packages, with their hashes, that local.sh and the
# Dockerfile install. What is there already stays as it is as long as pyproject.toml allows it.
#   launch/lock.sh              after a change of pyproject.toml
#   launch/lock.sh --upgrade    the newest of everything; then run the tests
# They fit Python 3.11 and 3.12 on Linux, x86_64. It is uv (https://docs.astral.sh/uv) that looks
# for them, which this installs for itself into .venv/lock.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

uv=.venv/lock/bin/uv
if [ ! -x "$uv" ]; then
    "${PYTHON:-python3}" -m venv .venv/lock
    .venv/lock/bin/python -m pip install --quiet --disable-pip-version-check uv
fi
lock() { # lock FILE ARGUMENTS
    local file=launch/locked/$1
    shift
    "$uv" pip compile --quiet --generate-hashes --universal --python-version=3.11 \
        --no-emit-index-url --no-emit-find-links --no-annotate \
        --custom-compile-command=launch/lock.sh --output-file="$file" pyproject.toml "$@"
}
# The smaller set is of the larger one's versions.
lock test.txt --extra=build --extra=test "$@"
lock base.txt --extra=build --constraints=launch/locked/test.txt "$@"
