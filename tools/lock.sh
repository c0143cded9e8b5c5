#!/bin/sh
# Writes requirements/*.txt from pyproject.toml: exact versions with hashes, for every platform.
# Kept versions stay as they are; `sh tools/lock.sh --upgrade` takes newer ones.
set -eu
cd "$(dirname "$0")/.."

lock() {
    .venv/bin/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
        --no-header --no-annotate --no-strip-extras "$@"
}

lock "$@" pyproject.toml -o requirements/run.txt
lock "$@" pyproject.toml --group dev -c requirements/run.txt -o requirements/dev.txt
lock "$@" --group build -c requirements/dev.txt -o requirements/build.txt
lock "$@" --python-version 3.11 benchmarks/peers/peers.in -o requirements/bench.txt
