#!/bin/sh
# Builds benchmarks/peers/.venv, where the peers that benchmarks compare with live: DeepCTR needs a TensorFlow that still
# has Keras 2 inside. A second call starts at once. PYTHON names another Python than python3.11 (3.9 to 3.11 will do).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3.11}
command -v "$python" >/dev/null || { echo "the peers need Python 3.9 to 3.11; set PYTHON to one of them" >&2; exit 1; }
test -x "$here/.venv/bin/python" || "$python" -m venv "$here/.venv"
# DeepCTR 0.9.4 names no TensorFlow of its own accord; 2.15 is the last whose Keras it knows. NumPy 2 came after it.
"$here/.venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    "tensorflow-cpu==2.15.1" "numpy<2" "h5py<3.12" "requests"
"$here/.venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps "deepctr==0.9.4"
