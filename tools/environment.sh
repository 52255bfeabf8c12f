#!/usr/bin/env bash
# Make the virtual environment FOLDER from lock files, with this package installed from its source.
#
#   tools/environment.sh FOLDER LOCKFILE...
#
# 1. Find a Python of at least 3.11: $PYTHON, or the first that fits on the PATH.
# 2. Install the lock files; every download is checked against its hash.
# 3. Install the package itself, editable, with the build tools of the lock files and no network.
# 4. Write the stamp FOLDER/.installed last, so that a broken attempt is made again.
set -euo pipefail

folder=$1
shift
least="3.11"

stop() {
    printf 'wellread: %s\n' "$@" >&2
    exit 2
}

fits() { "$1" -c "import sys; sys.exit(sys.version_info < (3, 11))" 2>/dev/null; }

find_python() {
    local name
    for name in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python}; do
        if fits "$name"; then
            command -v "$name"
            return
        fi
    done
    name=${PYTHON:-python3}
    stop "Python $least or newer is needed; $name is $("$name" --version 2>/dev/null || echo missing)." \
        "Install a newer one and name it: make PYTHON=/path/to/python$least ..."
}

make_with_uv() {
    uv venv --quiet --no-project --clear --python "$python" "$folder"
    uv pip install --quiet --python "$folder" --require-hashes "${locks[@]}"
    uv pip install --quiet --python "$folder" --no-deps --no-build-isolation --editable .
}

make_with_pip() {
    "$python" -c "import ensurepip, venv" 2>/dev/null ||
        stop "$python cannot make virtual environments: venv or ensurepip is missing." \
            "On Debian and Ubuntu: apt-get install python3-venv, or install uv and try again."
    "$python" -m venv --clear "$folder"
    local pip=("$folder/bin/python" -m pip --disable-pip-version-check --quiet)
    # Old Pythons bring setuptools along, whose .pth file would run at every start.
    "${pip[@]}" uninstall --yes setuptools 2>/dev/null || true
    # Without --no-compile, 40 MB of bytecode would be written that nobody runs.
    "${pip[@]}" install --no-compile --require-hashes "${locks[@]}"
    "${pip[@]}" install --no-deps --no-build-isolation --editable .
}

python=$(find_python)
locks=()
for file in "$@"; do locks+=(--requirement "$file"); done

say_start() { echo "wellread: installing into $folder with $1 and $("$python" --version) ..." >&2; }

# The functions run in shells of their own: `set -e` has no effect inside a condition.
if command -v uv >/dev/null && say_start uv && ! (bash -c "$(declare -f make_with_uv)"); then :; fi
touch "$folder/.installed"
