"""Score rows in a fresh process that has TensorFlow alone, and list operations that it lacks.

Arguments: the model's folder, a JSON file of rows, the JSON file to write.
"""

import json
import sys
from pathlib import Path

from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.framework import op_def_registry

from interestflow.serving.scorer import Scorer

folder, rows_file, output = sys.argv[1:]
rows = json.loads(Path(rows_file).read_text())
scorer = Scorer(folder)
saved = saved_model_pb2.SavedModel.FromString((Path(folder) / "saved_model.pb").read_bytes())
graph = saved.meta_graphs[0].graph_def
library_functions = {function.signature.name for function in graph.library.function}
used = {
    node.op for nodes in [graph.node, *(f.node_def for f in graph.library.function)] for node in nodes
} - library_functions
result = {
    "serving_default": {task: scores.tolist() for task, scores in scorer.score(rows).items()},
    "predict": {task: scores.tolist() for task, scores in scorer.score(rows, "predict").items()},
    "operations": sorted(used),
    "unknown_operations": sorted(name for name in used if op_def_registry.get(name) is None),
    "modules": [name for name in ("tensorflow_transform", "tfx_bsl", "keras", "struct2tensor") if name in sys.modules],
}
Path(output).write_text(json.dumps(result))
