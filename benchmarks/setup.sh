#!/bin/sh
# Makes ready what the benchmarks are measured against. What cannot be had is said here and stands in the table too.
set -u
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    for package in default-jdk-headless libpdfbox-java libbcpkix-java libcommons-logging-java libnss3-tools \
        mupdf-tools nodejs npm; do
        case $package in
            default-jdk-headless) command -v javac >/dev/null 2>&1 && continue ;;
            nodejs) command -v node >/dev/null 2>&1 && continue ;;
            npm) command -v npm >/dev/null 2>&1 && continue ;;
        esac
        dpkg -s "$package" >/dev/null 2>&1 ||
            DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >/dev/null 2>&1 ||
            say "Not installed: $package"
    done
fi

stamp=$(sha256sum requirements/bench.txt | cut -d ' ' -f 1)
if [ "$(cat var/bench/venv/installed 2>/dev/null)" != "$stamp" ]; then
    mkdir -p var/bench
    .venv/bin/python -m venv --clear var/bench/venv &&
        var/bench/venv/bin/python -m pip install -qq --disable-pip-version-check --no-input --require-hashes \
            -r requirements/bench.txt && echo "$stamp" >var/bench/venv/installed ||
        say "Not installed: the libraries of requirements/bench.txt"
fi

if command -v npm >/dev/null 2>&1; then
    [ benchmarks/peers/node_modules/.package-lock.json -nt benchmarks/peers/package-lock.json ] ||
        (cd benchmarks/peers && npm ci --silent --no-progress >/dev/null 2>&1) ||
        say "Not installed: the libraries of benchmarks/peers/package.json"
fi
