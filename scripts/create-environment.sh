#!/usr/bin/env bash
# Create a virtual environment and install napari-medkd with everything into it, at the versions of constraints.txt.
# Usage: scripts/create-environment.sh PYTHON FOLDER
set -euo pipefail
cd "$(dirname "$0")/.."
python=$1
folder=$2

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "napari-medkd needs Python 3.11 or newer, and \"$python\" is not; name another one: make PYTHON=python3.12 …" >&2
    exit 2
fi
if ! "$folder/bin/python" -c 'import pip' 2>/dev/null; then
    "$python" -m venv --clear "$folder"
fi
"$folder/bin/uv" --version >/dev/null 2>&1 ||
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
echo "Installing napari-medkd into $folder (about 7 GB with PyTorch; a few minutes the first time) …"
"$folder/bin/uv" pip install --quiet --python "$folder/bin/python" --constraint constraints.txt --editable ".[all,dev]"
