"""Benchmark on the last item of each user among 99 sampled others, the protocol of published sequential models.

    python benchmarks/leave_one_out.py configs/amazon-beauty-matcher.yaml --data-folder DATA

A user's last event is the test, the one before it validation, and all others are trained on, so that a user's past may
lie after another's future. The pipeline splits by time only; it therefore gets the same log with other times: last
events at one instant after all others, those before them at another, and each user's events in the file's order.
Learning rates are searched as in `benchmarks/retrieval_quality.py`, on validation data alone, with all items ranked.

HIT@10 and NDCG@10 are those of the target among 99 items drawn uniformly from those that the user has not interacted
with. They are not sampled but computed as expectations: of the r items out of N - 1 others that rank before a target, a
draw of 99 contains a hypergeometric number. That a user's items are not in N changes the share by less than a
thousandth. There is no bar; published figures stand beside ours.
"""

from __future__ import annotations

import argparse
import filecmp
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import tensorflow as tf
from rich.console import Console
from rich.table import Table
from scipy.stats import hypergeom

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file

from benchmarks.support.matcher_trials import MatcherTrials
from benchmarks.support.over_seeds import mean_and_spread
from interestflow.pipeline.config import PipelineConfig, load
from interestflow.pipeline.evaluation.matchers import query_ranker, shards_of
from interestflow.transforms.config import SplitConfig

CUTOFF, NEGATIVES, DAY = 10, 99, 86_400
PUBLISHED = {"S3Rec without pre-training": (0.4651, 0.3142), "FMLP-Rec": (0.4935, 0.3317)}
"""HIT@10 and NDCG@10 on Amazon Beauty, from the logs in the authors' repositories: d = 64, the last 50 events."""


def leave_last_events_out(config: PipelineConfig, runs_folder: Path) -> PipelineConfig:
    """Write the log with other times under `runs_folder`, and return its configuration."""
    events = config.data.events
    folder = runs_folder / f"{config.name}-leave-one-out" / "logs"
    log = pl.read_csv(f"{config.data.folder}/{events.path}")
    position = pl.int_range(pl.len()).over(events.user)
    remaining = pl.len().over(events.user) - position
    end = int(log.get_column(events.timestamp).max()) + DAY  # type: ignore[arg-type]
    validation, test = end + DAY, end + 2 * DAY
    time = (
        pl.when(remaining == 1)
        .then(test)
        .when(remaining == 2)
        .then(validation)
        .otherwise(pl.col(events.timestamp) + position)
    )
    log = log.with_columns(time.alias(events.timestamp))
    _write(folder / events.path, log.write_csv)
    if (items := config.data.items) is not None:
        _write(folder / items.path, lambda path: shutil.copyfile(f"{config.data.folder}/{items.path}", path))
    data = config.data.model_copy(update={"folder": str(folder)})
    split = SplitConfig(validation_from=float(validation), test_from=float(test))
    return config.model_copy(update={"name": f"{config.name}-leave-one-out", "data": data, "split": split})


def _write(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file, but leave an equal one untouched: by its time the pipeline knows whether it has read it already."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    write(new)
    if path.exists() and filecmp.cmp(new, path, shallow=False):
        new.unlink()
    else:
        new.replace(path)


def expected_metrics(ranks: np.ndarray, other_count: int) -> tuple[float, float]:
    """Return mean HIT@10 and NDCG@10 over all draws of 99.

    Args:
        ranks: Number of items that rank before each target, `[R]`.
        other_count: Number of items besides the target.
    """
    before = np.arange(CUTOFF)
    probability = hypergeom.pmf(before[None, :], other_count, ranks[:, None], NEGATIVES)
    return float(probability.sum(axis=1).mean()), float((probability / np.log2(before + 2.0)).sum(axis=1).mean())


def among_sampled(config: PipelineConfig, model: str, examples: str) -> dict[str, float]:
    """Return the expected metrics of the model and of popularity, and the number of targets."""
    ranker = query_ranker(config.for_evaluation(), model, examples, ())
    shards = [(earlier, test) for earlier, test in shards_of(examples) if test is not None]
    counts = np.sum([ranker.counts(earlier) for earlier, _ in shards], axis=0)
    other_count = len(ranker.candidates().ids) - 1
    pairs = [ranker.rank(earlier, test, counts) for earlier, test in shards]
    result: dict[str, float] = {"targets": sum(len(model_ranked.ranks) for model_ranked, _ in pairs)}
    for name, position in (("", 0), ("popularity ", 1)):
        ranks = np.concatenate([pair[position].ranks for pair in pairs])
        # A target that is no candidate ranks last.
        result[f"{name}hit"], result[f"{name}ndcg"] = expected_metrics(np.minimum(ranks, other_count), other_count)
    return result


def main() -> int:
    """Run the benchmark and return 0 if its bars are reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, help="Configuration of the matcher.")
    parser.add_argument(
        "--models",
        nargs="+",
        default=["two_tower", "comirec", "hcn", "desmil", "idnp"],
        help="Models to train.",
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="Seeds of the last trainings.")
    parser.add_argument("--rates", type=float, nargs="+", default=[0.001, 0.003], help="Learning rates to search.")
    parser.add_argument("--search-epochs", type=int, default=3, help="Epochs of a training of the search.")
    parser.add_argument("--data-folder", help="Folder of the data, instead of `data.folder`.")
    parser.add_argument("--runs-folder", default="runs", help="Folder of the pipeline's runs.")
    arguments = parser.parse_args()
    tf.get_logger().setLevel("ERROR")
    console = Console(width=120)
    config = leave_last_events_out(load(arguments.config, arguments.data_folder), Path(arguments.runs_folder))
    trials = MatcherTrials(config, arguments.runs_folder, among_sampled, console)
    table = Table(title=f"{arguments.config.stem}: the last event among {NEGATIVES} sampled others, mean ± spread")
    for heading in ("model", "rate", f"HIT@{CUTOFF}", f"NDCG@{CUTOFF}", "users"):
        table.add_column(heading, justify="left" if heading == "model" else "right")
    for name in arguments.models:
        rate = trials.best_rate(name, arguments.rates, arguments.seeds[0], arguments.search_epochs)
        results = [trials.tested(name, rate, seed) for seed in arguments.seeds]
        cells = [mean_and_spread([result[metric] for result in results]) for metric in ("hit", "ndcg")]
        table.add_row(name, f"{rate:g}", *cells, f"{results[0]['targets']:,.0f}")
    table.add_row("popularity", "", *(f"{results[0][f'popularity {metric}']:.4f}" for metric in ("hit", "ndcg")), "")
    for name, figures in PUBLISHED.items():
        table.add_row(f"published: {name}", "", *(f"{figure:.4f}" for figure in figures), "")
    console.print(table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
