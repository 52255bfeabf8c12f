#!/usr/bin/env bash
# Make the environment FOLDER with the trainers that our ids, labels and speed are compared with.
#
#   tools/parity_environment.sh FOLDER
#
# It has TRL, and Axolotl without the fifty packages it pins: its strategies that turn a row into
# ids and labels need two small ones. WELLREAD_PARITY_PYTHON=FOLDER/bin/python makes the tests in
# tests/parity and benchmarks/training.py use it. The versions are those the tests were written
# with; PYTHON names another Python. This package is put on its path, not installed.
set -euo pipefail

folder=${1:?usage: tools/parity_environment.sh FOLDER}
python=${PYTHON:-python3}

"$python" -c "import sys; sys.exit(sys.version_info < (3, 11))" || {
    echo "wellread: Python 3.11 or newer is needed; name one: PYTHON=python3.12 $0 $folder" >&2
    exit 2
}
"$python" -m venv --clear "$folder"
install() { "$folder/bin/python" -m pip --disable-pip-version-check --quiet install "$@"; }
install torch==2.13.0
install trl==1.16.0 transformers==5.23.0 datasets accelerate peft
install --no-deps axolotl==0.19.0 colorama addict
# What the benchmark needs of our own package, whose other dependencies training does not touch.
install jinja2 orjson pydantic ruamel.yaml rich typer
touch "$folder/.installed"
echo "wellread: WELLREAD_PARITY_PYTHON=$folder/bin/python"
