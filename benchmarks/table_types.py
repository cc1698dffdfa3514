"""Benchmark of the types of exported tables: what `serving.table_dtype` saves, and what it costs.

    python benchmarks/table_types.py configs/demo.yaml [--runs-folder RUNS]

Trains the model of a configuration once and exports it with tables of float32, float16 and int8. For each: the metrics
of the exported model on the test split, the size of its variables on disk, the time to load it, and the median latency
of one request in this process, `rank` with 100 candidates or `retrieve` of 100 items. Ingestion and transform are those
of the configuration, unless they are cached. The bar: float16 and int8 lose at most `BAR` of each metric that the
metric's family is compared by.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file

import numpy as np
import tensorflow_transform as tft
from apache_beam.options.pipeline_options import PipelineOptions

from benchmarks.support.prepared_steps import run_steps_until
from benchmarks.support.serving_load import read_rows
from interestflow.pipeline.beam_config import IN_MEMORY_ARGUMENTS
from interestflow.pipeline.config import PipelineConfig, load
from interestflow.pipeline.evaluation.evaluate import evaluate
from interestflow.pipeline.training.model_inputs import describe_inputs
from interestflow.pipeline.training.run_fn import export_model, train_model
from interestflow.serving.client.rows import pack_rank, pack_retrieve
from interestflow.serving.examples import split_row
from interestflow.serving.scorer import Scorer

TYPES = ("float32", "float16", "int8")
SHOWN = {"ranker": ("auc", "log_loss"), "matcher": ("recall_10", "recall_50", "ndcg_50")}
BAR = 0.002
"""Largest absolute loss of a metric."""
REQUESTS, CANDIDATES = 200, 100


def measure_export(config: PipelineConfig, model: str, examples: str) -> dict[str, float]:
    """Return metrics, size, load time and latency of an exported model."""
    with tempfile.TemporaryDirectory() as output:
        options = PipelineOptions(IN_MEMORY_ARGUMENTS)
        result = evaluate(config.for_evaluation(), model, None, examples, output, options)
    metrics = next(iter(result.model.tasks.values())).overall
    figures = {name: float(metrics.value(name) or np.nan) for name in SHOWN[config.model_spec.family]}
    files = Path(model, "variables").iterdir()
    figures["variables MB"] = sum(file.stat().st_size for file in files) / 2**20
    began = time.perf_counter()
    scorer = Scorer(model)
    figures["load s"] = time.perf_counter() - began
    return figures | {"request ms": _latency(scorer, examples)}


def _latency(scorer: Scorer, examples: str) -> float:
    """Return the median latency of a request with the longest history, in ms."""
    rows = read_rows(examples, scorer, 500)
    user, _ = split_row(max(rows, key=lambda row: len(row.get("history_item", []))), scorer.inputs)
    if "rank" in scorer.metadata.signatures:
        signature = "rank"
        arrays = pack_rank(scorer.metadata, user, [split_row(row, scorer.inputs)[1] for row in rows[:CANDIDATES]])
    else:
        signature, arrays = "retrieve", pack_retrieve(scorer.metadata, user, CANDIDATES)
    durations = []
    for _ in range(REQUESTS):
        began = time.perf_counter()
        scorer.model.run(signature, arrays)
        durations.append(1000 * (time.perf_counter() - began))
    return float(np.median(durations))


def main() -> int:
    """Run the benchmark and return 0 if its bar is reached."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("config", help="YAML file of a ranker or a matcher.")
    parser.add_argument("--runs-folder", default=None, help="Folder of runs; by default the configuration's.")
    arguments = parser.parse_args()
    config = load(arguments.config)
    steps = run_steps_until("Transform", config, arguments.runs_folder)
    examples, transformed = (
        steps["LogExampleGen"].outputs["examples"],
        steps["Transform"].outputs["transformed_examples"],
    )
    transform = tft.TFTransformOutput(steps["Transform"].outputs["transform_graph"])
    training = config.for_training()
    inputs = describe_inputs(training, transform)
    files = {name: [f"{transformed}/Split-{split}/*"] for name, split in FILES.items()}
    trained = train_model(training, inputs, SimpleNamespace(**files, custom_config={}), {"name": config.model.name})
    figures, described = {}, training.model.model_dump(mode="json")
    with tempfile.TemporaryDirectory() as folder:
        for table_type in TYPES:
            serving = training.serving.model_copy(update={"table_dtype": table_type})
            exported = training.model_copy(update={"serving": serving})
            origin = {"name": config.name, "role": "model", "fingerprint": table_type, "model": described}
            export_model(exported, trained, inputs, transform, origin, f"{folder}/{table_type}")
            figures[table_type] = measure_export(config, f"{folder}/{table_type}", examples)
            texts = (f"{name} {value:.5g}" for name, value in figures[table_type].items())
            print(f"{config.name} {config.model.name} {table_type:<8} {'  '.join(texts)}", flush=True)
    losses = {
        f"{name} of {table_type}": abs(figures[table_type][name] - figures["float32"][name])
        for table_type in TYPES[1:]
        for name in SHOWN[config.model_spec.family]
    }
    worst = max(losses, key=lambda name: losses[name])
    print(f"largest change of a metric: {losses[worst]:.5f}, {worst}  (bar: at most {BAR})")
    print("reached" if losses[worst] <= BAR else "FALLS SHORT")
    return 0 if losses[worst] <= BAR else 1


FILES = {"train_files": "train", "eval_files": "validation"}

if __name__ == "__main__":
    sys.exit(main())
