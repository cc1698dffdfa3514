"""Runs every signature of exported models in a process that has TensorFlow and NumPy alone, as a server does.

Arguments: a folder with one folder a model, in which are `model` (the SavedModel) and `SIGNATURE.npz` (its inputs).
Writes `SIGNATURE.answers.npz` beside each, and prints which of the project's libraries were imported.
"""

import json
import sys
from pathlib import Path

UNWANTED = ("keras", "tf_keras", "tensorflow_transform", "tfx", "serving", "models", "transforms", "pipeline")
sys.modules |= dict.fromkeys(UNWANTED)  # `import` fails for these; TensorFlow does without Keras

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

for folder in sorted(Path(sys.argv[1]).iterdir()):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        loaded = tf.compat.v1.saved_model.loader.load(session, ["serve"], str(folder / "model"))
        for file in sorted(folder.glob("*.npz")):
            signature = loaded.signature_def[file.stem]
            inputs = np.load(file, allow_pickle=True)
            feeds = {signature.inputs[name].name: inputs[name] for name in inputs.files}
            fetches = {name: info.name for name, info in signature.outputs.items()}
            np.savez(folder / f"{file.stem}.answers.npz", **session.run(fetches, feeds))
print(json.dumps([name for name in UNWANTED if sys.modules[name] is not None]))
