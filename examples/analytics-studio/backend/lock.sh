#!/bin/sh
# Pins every dependency of pyproject.toml by version and hash, for the image's Python. `sh lock.sh --upgrade` takes newer ones.
set -eu
cd "$(dirname "$0")"

lock() {
    output=$1
    shift
    uv pip compile "$@" --output-file "$output" --quiet --generate-hashes --python-version 3.11 \
        --python-platform linux --no-emit-index-url --no-emit-find-links --custom-compile-command "sh lock.sh"
}

lock requirements.lock pyproject.toml ${1:+"$1"}
lock requirements-dev.lock pyproject.toml --group dev ${1:+"$1"}
lock requirements-build.lock --group build ${1:+"$1"}
