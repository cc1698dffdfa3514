#!/bin/sh
# Builds benchmarks/peers/.venv, .venv-fuxictr, .venv-torch and .venv-scann, where the peers that benchmarks compare with live:
# DeepCTR needs a TensorFlow that still has Keras 2 inside, FuxiCTR needs PyTorch, and ScaNN no TensorFlow at all, or one
# of another version than ours. A second call starts at once. PYTHON names another Python than python3.11 (3.10 and 3.11
# will do).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3.11}
command -v "$python" >/dev/null || { echo "the peers need Python 3.10 or 3.11; set PYTHON to one of them" >&2; exit 1; }
test -x "$here/.venv/bin/python" || "$python" -m venv "$here/.venv"
# DeepCTR 0.9.4 names no TensorFlow of its own accord; 2.15 is the last whose Keras it knows. NumPy 2 came after it.
"$here/.venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    "tensorflow-cpu==2.15.1" "numpy<2" "h5py<3.12" "requests"
"$here/.venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps "deepctr==0.9.4"

fuxictr="$here/.venv-fuxictr/bin/python"
test -x "$fuxictr" || "$python" -m venv "$here/.venv-fuxictr"
# PyTorch first and alone, so that a build for the CPU is enough where there is one.
"$fuxictr" -m pip install --quiet --disable-pip-version-check "torch==2.13.0"
"$fuxictr" -m pip install --quiet --disable-pip-version-check "fuxictr==2.3.10"

torch="$here/.venv-torch/bin/python"
test -x "$torch" || "$python" -m venv "$here/.venv-torch"
# FBGEMM 1.8 is built for PyTorch 2.13. Ninja and setuptools build the update of rows in C++.
"$torch" -m pip install --quiet --disable-pip-version-check \
    "torch==2.13.0" "fbgemm-gpu-cpu==1.8.0" "numpy==2.4.6" "ninja==1.13.2" "setuptools==84.2.1"

scann="$here/.venv-scann/bin/python"
test -x "$scann" || "$python" -m venv "$here/.venv-scann"
"$scann" -m pip install --quiet --disable-pip-version-check "scann==1.4.2"
