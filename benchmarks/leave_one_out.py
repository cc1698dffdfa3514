"""The last item of each user among 99 sampled others: the protocol that sequential models are published with.

    python benchmarks/leave_one_out.py configs/amazon-beauty-matcher.yaml --data-folder DATA

A user's last event is the test, the one before it validation, all others are trained on, so that a user's past may lie
after another's future. The pipeline knows splits by time alone; it is therefore given the same log with other times:
last events at one instant after all, those before them at another, and each user's events a second apart in the file's
order. Rates are searched as in `benchmarks/retrieval_quality.py`, on validation data alone, all items ranked.

HIT@10 and NDCG@10 are of the target among 99 items drawn evenly from those that the user has not taken. They are not
drawn but expected: of an item that is ranked behind r of N - 1 others, each draw of 99 leaves a hypergeometric number
before it. That what a user has taken is not in N changes the share by less than a thousandth.
"""

from __future__ import annotations

import argparse
import filecmp
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import tensorflow as tf
from matcher_trials import Trials
from over_seeds import mean_and_spread
from rich.console import Console
from rich.table import Table
from scipy.stats import hypergeom

from interestflow.pipeline.config import PipelineConfig, load
from interestflow.pipeline.evaluation.matchers import query_ranker, shards_of
from interestflow.transforms.config import SplitConfig

CUTOFF, NEGATIVES, DAY = 10, 99, 86_400
PUBLISHED = {"S3Rec without pre-training": (0.4651, 0.3142), "FMLP-Rec": (0.4935, 0.3317)}
"""HIT@10 and NDCG@10 on Amazon Beauty from the logs in their authors' repositories: d = 64, the last 50 events."""


def with_last_events_apart(config: PipelineConfig, runs_folder: Path) -> PipelineConfig:
    """The configuration of a log whose last events are the test; the log is written under `runs_folder`."""
    events = config.data.events
    folder = runs_folder / f"{config.name}-leave-one-out" / "logs"
    log = pl.read_csv(f"{config.data.folder}/{events.path}")
    place = pl.int_range(pl.len()).over(events.user)
    left = pl.len().over(events.user) - place
    end = int(log.get_column(events.timestamp).max()) + DAY  # type: ignore[arg-type]
    validation, test = end + DAY, end + 2 * DAY
    time = pl.when(left == 1).then(test).when(left == 2).then(validation).otherwise(pl.col(events.timestamp) + place)
    log = log.with_columns(time.alias(events.timestamp))
    _write(folder / events.path, log.write_csv)
    if (items := config.data.items) is not None:
        _write(folder / items.path, lambda path: shutil.copyfile(f"{config.data.folder}/{items.path}", path))
    data = config.data.model_copy(update={"folder": str(folder)})
    split = SplitConfig(validation_from=float(validation), test_from=float(test))
    return config.model_copy(update={"name": f"{config.name}-leave-one-out", "data": data, "split": split})


def _write(path: Path, write: Callable[[Path], object]) -> None:
    """Leaves a file that is the same alone, since by its time the pipeline knows whether it has read it already."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    write(new)
    if path.exists() and filecmp.cmp(new, path, shallow=False):
        new.unlink()
    else:
        new.replace(path)


def expected(ranks: np.ndarray, others: int) -> tuple[float, float]:
    """Mean HIT@10 and NDCG@10 of targets with `ranks` [R] of `others` items before them, over all draws of 99."""
    before = np.arange(CUTOFF)
    probability = hypergeom.pmf(before[None, :], others, ranks[:, None], NEGATIVES)
    return float(probability.sum(axis=1).mean()), float((probability / np.log2(before + 2.0)).sum(axis=1).mean())


def among_sampled(config: PipelineConfig, model: str, examples: str) -> dict[str, float]:
    ranker = query_ranker(config.for_evaluation(), model, examples, ())
    shards = [(earlier, test) for earlier, test in shards_of(examples) if test is not None]
    counts = np.sum([ranker.counts(earlier) for earlier, _ in shards], axis=0)
    others = len(ranker.candidates().ids) - 1
    found = [ranker.rank(earlier, test, counts) for earlier, test in shards]
    result: dict[str, float] = {"targets": sum(len(model_ranked.ranks) for model_ranked, _ in found)}
    for name, number in (("", 0), ("popularity ", 1)):
        ranks = np.concatenate([pair[number].ranks for pair in found])
        # A target that is no candidate is found by nobody.
        result[f"{name}hit"], result[f"{name}ndcg"] = expected(np.minimum(ranks, others), others)
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("--models", nargs="+", default=["two_tower", "comirec", "hcn", "desmil", "idnp"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--rates", type=float, nargs="+", default=[0.001, 0.003])
    parser.add_argument("--search-epochs", type=int, default=3)
    parser.add_argument("--data-folder")
    parser.add_argument("--runs-folder", default="runs")
    arguments = parser.parse_args()
    tf.get_logger().setLevel("ERROR")
    console = Console(width=120)
    config = with_last_events_apart(load(arguments.config, arguments.data_folder), Path(arguments.runs_folder))
    trials = Trials(config, arguments.runs_folder, among_sampled, console)
    table = Table(title=f"{arguments.config.stem}: the last event among {NEGATIVES} sampled others, mean ± spread")
    for heading in ("model", "rate", f"HIT@{CUTOFF}", f"NDCG@{CUTOFF}", "users"):
        table.add_column(heading, justify="left" if heading == "model" else "right")
    for name in arguments.models:
        rate = trials.best_rate(name, arguments.rates, arguments.seeds[0], arguments.search_epochs)
        found = [trials.tested(name, rate, seed) for seed in arguments.seeds]
        cells = [mean_and_spread([each[metric] for each in found]) for metric in ("hit", "ndcg")]
        table.add_row(name, f"{rate:g}", *cells, f"{found[0]['targets']:,.0f}")
    table.add_row("popularity", "", *(f"{found[0][f'popularity {metric}']:.4f}" for metric in ("hit", "ndcg")), "")
    for name, figures in PUBLISHED.items():
        table.add_row(f"published: {name}", "", *(f"{figure:.4f}" for figure in figures), "")
    console.print(table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
