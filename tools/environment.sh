#!/usr/bin/env bash
# Make the virtual environment FOLDER from lock files, with this package installed from its source.
#
#   tools/environment.sh FOLDER LOCKFILE... [--torch REQUIREMENT]
#
# 1. Find a Python of at least 3.11: $PYTHON, or the first that fits on the PATH.
# 2. Install the lock files, with uv where it is there and works, else with pip; every download
#    is checked against its hash. Lock files are complete, so nothing is resolved again.
# 3. Install the package itself, editable, with the build tools of the lock files and no network.
# 4. Install what --torch names with pip, which knows of builds for this machine (find-links).
# 5. Write the stamp FOLDER/.installed last, so that a broken attempt is made again.
set -euo pipefail

folder=$1
shift
locks=()
torch=
while (($#)); do
    if [ "$1" = --torch ]; then
        torch=$2
        shift 2
    else
        locks+=(--requirement "$1")
        shift
    fi
done

say() { printf 'wellread: %s\n' "$@" >&2; }

stop() {
    say "$@"
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
    stop "Python 3.11 or newer is needed; $name is $("$name" --version 2>/dev/null || echo missing)." \
        "Install a newer one and name it: make PYTHON=/path/to/python3.11 ..."
}

# Steps are joined with &&, as `set -e` is silent in a function that is called as a condition.
make_with_uv() {
    command -v uv >/dev/null || return
    say "installing into $folder with uv and $("$python" --version) ..."
    # A proxy with a certificate that only the system knows is common in companies.
    export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-1}"
    uv venv --quiet --no-project --clear --python "$python" "$folder" &&
        uv pip install --quiet --python "$folder" --no-deps --require-hashes "${locks[@]}" &&
        uv pip install --quiet --python "$folder" --no-deps --no-build-isolation --editable .
}

make_with_pip() {
    say "installing into $folder with pip and $("$python" --version) ..."
    "$python" -c "import ensurepip, venv" 2>/dev/null ||
        stop "$python cannot make virtual environments: venv or ensurepip is missing." \
            "On Debian and Ubuntu: apt-get install python3-venv; or install uv, and try again."
    local pip=("$folder/bin/python" -m pip --disable-pip-version-check --quiet)
    "$python" -m venv --clear "$folder"
    # Old Pythons bring setuptools along, whose .pth file would run at every start.
    "${pip[@]}" uninstall --yes setuptools 2>/dev/null || true
    # Without --no-compile, 40 MB of bytecode would be written, most of it for code nobody runs.
    "${pip[@]}" install --no-compile --no-deps --require-hashes "${locks[@]}"
    "${pip[@]}" install --no-deps --no-build-isolation --editable .
}

# uv does not read pip's own settings, where a machine names the builds that it carries.
install_torch() {
    say "installing $torch into $folder ..."
    "$folder/bin/python" -m pip --version >/dev/null 2>&1 ||
        "$folder/bin/python" -m ensurepip --default-pip >/dev/null
    "$folder/bin/python" -m pip --disable-pip-version-check --quiet install --no-compile "$torch"
}

python=$(find_python)
if ! make_with_uv; then make_with_pip; fi
if [ -n "$torch" ]; then install_torch; fi
touch "$folder/.installed"
