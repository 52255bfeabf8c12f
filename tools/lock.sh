#!/usr/bin/env bash
# Write requirements/*.txt anew from pyproject.toml: every version and the hash of every file, for
# all platforms, without the address of any index. Arguments go to uv (--upgrade moves versions).
set -euo pipefail
cd "$(dirname "$0")/.."

command -v uv >/dev/null || {
    echo "wellread: lock files are made by uv; install it first: pip install uv" >&2
    exit 2
}

compile() {
    local output=$1
    shift
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
        --output-file "requirements/$output" "$@"
}

# The version that development tests with. Its builds differ by machine (CPU, CUDA), and no lock
# file can hold them all: development installs torch by itself (tools/environment.sh).
torch=$(mktemp)
trap 'rm -f "$torch"' EXIT
sed -n 's/^TORCH ?= \(torch==.*\)$/\1/p' Makefile >"$torch"

# Names of torch and of what only its CUDA build asks for, each as an option that leaves it out.
without_torch() {
    uv pip compile --quiet --universal --python-version 3.11 --no-annotate --no-header \
        pyproject.toml --extra train --constraint "$torch" |
        sed -nE 's/^(torch|triton|nvidia-[a-z0-9-]+|cuda-[a-z0-9-]+)==.*/--no-emit-package=\1/p'
}

# The widest set is solved first and binds the others, so that all of them agree.
mapfile -t left_out < <(without_torch)
compile dev.txt pyproject.toml --extra tokenizers --extra train --group dev \
    --constraint "$torch" "${left_out[@]}" "$@"
compile core.txt pyproject.toml --constraint requirements/dev.txt "$@"
for extra in tokenizers dense sentence-transformers lancedb postgres train; do
    compile "$extra.txt" pyproject.toml --extra "$extra" --constraint requirements/dev.txt \
        --constraint "$torch" "$@"
done
compile build.txt --group build --constraint requirements/dev.txt "$@"
compile models.txt --group models --no-deps "$@"
