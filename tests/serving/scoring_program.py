"""Score rows in a fresh process that has TensorFlow alone, and list operations that it lacks.

Arguments: the model's folder, a JSON file of rows, the JSON file to write.
"""

import json
import sys
from pathlib import Path

from tensorflow.python.framework import op_def_registry

from interestflow.serving.export.saved_model_writer import operation_names, read_saved_model
from interestflow.serving.scorer import Scorer

folder, rows_file, output = sys.argv[1:]
rows = json.loads(Path(rows_file).read_text())
scorer = Scorer(folder)
used = operation_names(read_saved_model(folder))
result = {
    "serving_default": {task: scores.tolist() for task, scores in scorer.score(rows).items()},
    "predict": {task: scores.tolist() for task, scores in scorer.score(rows, "predict").items()},
    "operations": sorted(used),
    "unknown_operations": sorted(name for name in used if op_def_registry.get(name) is None),
    "modules": [name for name in ("tensorflow_transform", "tfx_bsl", "keras", "struct2tensor") if name in sys.modules],
}
Path(output).write_text(json.dumps(result))
