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

# The widest set is solved first and binds the others, so that all of them agree.
compile dev.txt pyproject.toml --extra tokenizers --group dev "$@"
compile core.txt pyproject.toml --constraint requirements/dev.txt "$@"
for extra in tokenizers dense sentence-transformers lancedb postgres; do
    compile "$extra.txt" pyproject.toml --extra "$extra" --constraint requirements/dev.txt "$@"
done
compile build.txt --group build --constraint requirements/dev.txt "$@"
compile models.txt --group models --no-deps "$@"
