"""Run every signature of exported models with the server's loader, in a process that has TensorFlow and NumPy alone.

Arguments: a folder with one folder a model, in which are `model` (the SavedModel) and `SIGNATURE.npz` (its inputs).
Writes `SIGNATURE.answers.npz` beside each, and prints which of the project's libraries were imported.
"""

import json
import sys
from pathlib import Path

UNWANTED = ("keras", "tf_keras", "tensorflow_transform", "tfx", "interestflow")
sys.modules |= dict.fromkeys(UNWANTED)  # `import` fails for these; TensorFlow does without Keras

import numpy as np  # noqa: E402

from tests.serving.cpp_session import CppSession  # noqa: E402

for folder in sorted(Path(sys.argv[1]).iterdir()):
    session = CppSession(folder / "model")
    for file in sorted(folder.glob("*.npz")):
        inputs = np.load(file, allow_pickle=True)
        np.savez(folder / f"{file.stem}.answers.npz", **session.run(file.stem, inputs))
print(json.dumps([name for name in UNWANTED if sys.modules[name] is not None]))
