#!/usr/bin/env bash
# Sets up .venv beside the code if it is not there yet, then runs one thing in it:
#   launch/local.sh quickstart        trains a small progressive GAN on drawn phantoms
#   launch/local.sh test [ARGS]       runs the tests, two at a time, without the slow ones;
#                                     ARGS go to pytest, -m "" adds those
#   launch/local.sh run ARGS          python -m dermgan_jax.main ARGS
# PYTHON chooses the interpreter, EXTRA the accelerator (cuda or tpu; default: CPU).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Large pages, and memory kept from step to step: a training on CPUs is up to a fifth faster.
keep_memory() {
    local malloc=glibc.malloc
    export GLIBC_TUNABLES=${GLIBC_TUNABLES-$malloc.hugetlb=1:$malloc.arena_max=1:$malloc.mmap_threshold=8589934592:$malloc.trim_threshold=17179869184}
}

# The tested packages, by their hashes (launch/lock.sh writes the lists). Of accelerators and other
# extras no hashes are kept: they are installed with these versions of all that the lists name.
install() { # install EXTRAS
    local pip=(.venv/bin/python -m pip install --quiet --disable-pip-version-check) locked=launch/locked
    if ! .venv/bin/python -c 'import platform, sys
fits = (3, 11) <= sys.version_info < (3, 13) and platform.machine() == "x86_64"
sys.exit(not (fits and sys.platform == "linux"))'; then
        echo "note: the tested packages are of Python 3.11 and 3.12 on Linux, x86_64; here the newest are installed" >&2
        "${pip[@]}" --editable ".${1:+[$1]}"
        return
    fi
    case $1 in
    "") "${pip[@]}" --require-hashes --requirement "$locked/base.txt" ;;
    test) "${pip[@]}" --require-hashes --requirement "$locked/test.txt" ;;
    *)
        echo "note: what EXTRA=$1 adds is installed by version, without hashes" >&2
        sed 's/ *\\$//; /^ *--hash/d' "$locked/test.txt" >.venv/versions.txt
        "${pip[@]}" --constraint .venv/versions.txt --editable ".[$1]"
        return
        ;;
    esac
    "${pip[@]}" --no-deps --no-build-isolation --editable .
}

set_up() { # set_up EXTRAS
    local python=${PYTHON:-python3} stamp
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
        echo "Python 3.11 or newer is needed; PYTHON=python3.12 $0 … chooses another one" >&2
        exit 2
    }
    stamp=".venv/installed-$(printf '%s' "$1" | tr ',' '-')-$(cat pyproject.toml launch/locked/*.txt | cksum | cut -d' ' -f1)"
    [ -f "$stamp" ] && return
    "$python" -m venv .venv
    install "$1"
    touch "$stamp"
}

command=${1:-}
[ $# -gt 0 ] && shift
accelerator=${EXTRA:-}
case $command in
quickstart)
    set_up "$accelerator"
    keep_memory
    exec .venv/bin/python -m dermgan_jax.main --config=configs/pgan.py:phantom --workdir=runs/phantom "$@"
    ;;
test)
    set_up "test${accelerator:+,$accelerator}"
    exec .venv/bin/python -m pytest --numprocesses=2 --dist=loadscope -m "not slow" "$@"
    ;;
run)
    set_up "$accelerator"
    keep_memory
    exec .venv/bin/python -m dermgan_jax.main "$@"
    ;;
*)
    sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
