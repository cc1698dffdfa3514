"""The closing report, built from the folders that the steps of a run write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from rich.console import Console

import tests.pipeline.support.exported_rankers as small
from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.evaluation.result import (
    Evaluation,
    ModelEvaluation,
    RankingMetrics,
    RetrievalMetrics,
    SliceMetrics,
    TaskEvaluation,
)
from interestflow.pipeline.folders import Folders
from interestflow.pipeline.gates.quality import Verdict
from interestflow.pipeline.gates.serving import ServingVerdict
from interestflow.pipeline.report.terminal import Report, closing_report
from interestflow.transforms.ingestion.counts import IngestionCounts, TableCounts
from interestflow.transforms.knowledge_graph.job import GraphCounts

COUNTS = IngestionCounts(
    tables={"events": TableCounts(rows=4100, usable=4093, dead_letters=7)},
    dead_letter_reasons={"events: no item id": 5, "events: timestamp [x] cannot be read": 2},
    examples={"train": 3200, "validation": 410, "test": 483},
    positives={"train": {"click": 500}, "validation": {"click": 61}, "test": {"click": 73}},
    sampled_negatives={},
    negatives_not_found=0,
    behaviours_only=0,
    users=150,
    items=200,
    items_in_training=180,
    without_attributes={"items": 11},
    unreadable_numbers={"price": 3, "age": 0},
    validation_from=1_704_067_200_000_000,  # 2024-01-01, as microseconds
    test_from=1_704_153_600_000_000,
)
TRAINING = {
    "model": {"name": "din"}, "epochs": 3, "best_epoch": 2, "seconds": 12.34, "examples_per_second": 8765.4,
    "parameters": 12345,
    "tables": [{"name": "item", "rows": 65536, "width": 16, "weight_bytes": 2**22, "slot_bytes": 2**21}],
    "out_of_vocabulary": {"item": {"values": 3200, "unknown": 80}},
}  # fmt: skip


class Step(NamedTuple):
    """The part of a step's result that the report reads; the class itself would import TFX."""

    outputs: dict[str, str]


def metrics(auc: float | None, examples: int = 483) -> RankingMetrics:
    return RankingMetrics(
        examples=examples, positives=73, unlabelled=0, auc=auc, gauc=0.61, gauc_users=81, gauc_dropped_users=39,
        log_loss=0.4321, ece=0.0123, calibration=1.05, best_possible_auc=0.8, best_possible_log_loss=0.3456,
    )  # fmt: skip


def model(name: str, auc: float | None, fingerprint: str = "f0", values: int = 2) -> ModelEvaluation:
    slices = tuple(
        SliceMetrics(name="device", value=f"[d{index}]", metrics=metrics(0.5, examples=100 - index))
        for index in range(values)
    )
    tasks = {"click": TaskEvaluation(overall=metrics(auc), slices=slices)}
    return ModelEvaluation(name=name, fingerprint=fingerprint, folder=f"/models/{name}/7", tasks=tasks)


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    run_folders = Folders(str(tmp_path / "runs" / "small"))
    Path(run_folders.root).mkdir(parents=True)
    return run_folders


def push(folders: Folders, version: int, fingerprint: str) -> Path:
    folder = Path(folders.serving) / str(version)
    (folder / "assets.extra").mkdir(parents=True)
    (folder / "assets.extra" / "interestflow.json").write_text(json.dumps({"fingerprint": fingerprint}))
    (folder / "saved_model.pb").touch()
    return folder


def config() -> PipelineConfig:
    return small.config(tasks=[{"name": "click", "label": {"column": "click"}}])


def report(
    folders: Folders,
    evaluated: ModelEvaluation,
    baseline: ModelEvaluation | None,
    verdict: Verdict = Verdict(is_blessed=True),  # noqa: B008
    champion: ModelEvaluation | None = None,
    serving: ServingVerdict = ServingVerdict(is_blessed=True),  # noqa: B008
    popularity: ModelEvaluation | None = None,
    graph: GraphCounts | None = None,
    training: dict[str, Any] = TRAINING,
    tasks: int = 1,
) -> Report:
    def step(name: str, output: str) -> Step:
        folder = Path(folders.root) / name
        folder.mkdir()
        return Step({output: str(folder)})

    outputs = {
        "LogExampleGen": "report", "Evaluator": "evaluation", "QualityGate": "blessing", "Trainer": "model_run",
        "ServingValidator": "blessing",
    }  # fmt: skip
    results = {name: step(name, output) for name, output in outputs.items()}
    results["LogExampleGen"].outputs["examples"] = "/examples"
    (Path(folders.root) / "LogExampleGen" / "counts.json").write_text(COUNTS.model_dump_json())
    (Path(folders.root) / "Trainer" / "training_summary.json").write_text(json.dumps(training))
    Evaluation(model=evaluated, champion=champion, champion_problem=None, examples=483, popularity=popularity).write(
        results["Evaluator"].outputs["evaluation"]
    )
    verdict.write(results["QualityGate"].outputs["blessing"])
    serving.write(results["ServingValidator"].outputs["blessing"])
    if baseline is not None:
        results["BaselineEvaluator"] = step("BaselineEvaluator", "evaluation")
        Evaluation(model=baseline, champion=None, champion_problem=None, examples=483).write(
            results["BaselineEvaluator"].outputs["evaluation"]
        )
    if graph is not None:
        results["KnowledgeGraphGen"] = step("KnowledgeGraphGen", "report")
        (Path(folders.root) / "KnowledgeGraphGen" / "counts.json").write_text(graph.model_dump_json())
    described = config()
    return closing_report(described.model_copy(update={"tasks": described.tasks * tasks}), folders, results)


def text(findings: Report, width: int = 140) -> str:
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(findings.table)
    return console.export_text()


def line(shown: str, *words: str) -> str:
    (match,) = [row for row in shown.splitlines() if all(word in row for word in words)]
    return match


def test_it_shows_data_metrics_and_where_the_model_is(folders: Folders) -> None:
    push(folders, 3, "other")
    folder = push(folders, 4, "f0")
    shown = text(report(folders, model("din", 0.74), model("pooled", 0.71, "f1")))
    assert "7 dead letters" in line(shown, "rows of events", "4,100")
    assert "73 click, from 2024-01-02 00:00:00" in line(shown, "test examples", "483")
    assert "11 events of items that are not in their table" in line(shown, "items seen", "200")
    assert "no number" in line(shown, "price", "3")
    assert "5" in line(shown, "events: no item id")
    assert "2" in line(shown, "events: timestamp [x] cannot be read")
    # (0.74 - 0.5) / (0.8 - 0.5) and (0.71 - 0.5) / (0.8 - 0.5)
    assert [cell.strip() for cell in line(shown, "0.7400").strip("│ ").split("│")] == [
        "din", "0.7400", "0.6100", "0.4321", "0.0123", "1.050", "80.0%",
    ]  # fmt: skip
    assert "70.0%" in line(shown, "pooled (baseline)")
    assert "0.3456" in line(shown, "best possible", "0.8000")
    assert "81 of 120 users; 39 have one label only" in shown
    assert "model din trained 3 epochs (best 2) in 12.3 s, 8,765 examples/s, 12,345 parameters" in shown
    assert "embedding tables and their slots 6.0 MB" in " ".join(shown.split())
    assert "item: 80 of 3,200 values of training examples (2.5%) are out of the vocabulary" in shown
    assert "blessed" in shown
    assert str(folder) in shown.replace("\n", "")


def test_a_narrow_terminal_does_not_break_the_path(folders: Folders) -> None:
    folder = push(folders, 4, "f0")
    shown = text(report(folders, model("din", 0.74), model("pooled", 0.71)), width=60)
    assert str(folder) in "".join(row.strip() for row in shown.splitlines())


def test_the_json_has_the_metrics_by_model(folders: Folders) -> None:
    folder = push(folders, 4, "f0")
    report(folders, model("din", 0.74), model("pooled", 0.71))
    content = json.loads(Path(folders.report).read_text())
    assert content["metrics"] == {
        "din": {"auc": 0.74, "gauc": 0.61, "log_loss": 0.4321, "ece": 0.0123},
        "pooled": {"auc": 0.71, "gauc": 0.61, "log_loss": 0.4321, "ece": 0.0123},
    }
    assert content["best_possible"] == {"auc": 0.8, "log_loss": 0.3456}
    assert content["headroom_share"]["din"] == pytest.approx(0.8)
    assert (content["is_blessed"], content["pushed"]) == (True, str(folder))
    assert content["examples"] == "/examples"


def test_a_refusal_is_shown_with_its_reasons(folders: Folders) -> None:
    push(folders, 4, "f0")  # by an earlier run, whose gate had lower bounds
    reason = "auc of task click is 0.7400, should be at least 0.999"
    findings = report(folders, model("din", 0.74), None, Verdict(is_blessed=False, reasons=(reason,)))
    assert not findings.is_blessed
    shown = text(findings)
    assert reason in shown
    assert "refused" in shown
    assert "the model was not pushed" in shown
    assert json.loads(Path(folders.report).read_text())["pushed"] is None


def test_a_blessed_model_that_was_removed_is_said_to_be_gone(folders: Folders) -> None:
    shown = text(report(folders, model("din", 0.74), None), width=1000)  # no path is long enough to break the line
    assert f"is no longer in {folders.serving}" in shown


def test_the_baseline_may_be_the_model_itself(folders: Folders) -> None:
    findings = report(folders, model("pooled", 0.7), model("pooled", 0.71))
    metrics_by_model: dict[str, Any] = json.loads(Path(folders.report).read_text())["metrics"]
    assert {name: row["auc"] for name, row in metrics_by_model.items()} == {"pooled": 0.7, "pooled (baseline)": 0.71}
    assert "0.7100" in line(text(findings), "pooled (baseline)")


def test_the_champion_has_a_row_with_its_version(folders: Folders) -> None:
    findings = report(folders, model("din", 0.74), None, champion=model("din", 0.73))
    assert "0.7300" in line(text(findings), "din (champion, version 7)")


def test_undefined_metrics_are_dashes(folders: Folders) -> None:
    shown = text(report(folders, model("din", None), None))
    assert [cell.strip() for cell in line(shown, "din ", "0.4321").strip("│ ").split("│")][1] == "–"
    assert json.loads(Path(folders.report).read_text())["metrics"]["din"]["auc"] is None


def test_of_a_slice_with_many_values_the_largest_are_shown_and_the_rest_counted(folders: Folders) -> None:
    shown = text(report(folders, model("din", 0.74, values=13), model("pooled", 0.71, values=13)))
    assert "91" in line(shown, "device [d9]")
    assert "device [d10]" not in shown
    assert "device: 3 smaller ones, not shown" in shown


def test_what_serving_it_was_like(folders: Folders) -> None:
    push(folders, 4, "f0")
    serving = ServingVerdict(
        is_blessed=True, examples=200, largest_difference=2e-8, candidates=100, p50_milliseconds=3.21,
        p99_milliseconds=9.87, megabytes=1.5, warm_up_requests=4,
    )  # fmt: skip
    shown = text(report(folders, model("din", 0.74), None, serving=serving))
    assert "200 test examples over gRPC, largest difference from offline 2.0e-08" in shown
    assert "100 candidates ranked in 3.2 ms (p50), 9.9 ms (p99); 1.5 MB" in shown


def test_a_model_that_cannot_be_served_is_refused(folders: Folders) -> None:
    serving = ServingVerdict(is_blessed=False, reasons=("the server cannot load the model: no",))
    findings = report(folders, model("din", 0.74), None, serving=serving)
    assert not findings.is_blessed
    shown = text(findings)
    assert "the server cannot load the model: no" in shown
    assert "the model was not pushed" in shown


def retrieval(recall: float) -> RetrievalMetrics:
    figures = {"recall_50": recall, "ndcg_50": recall / 2, "coverage_50": 0.25}
    return RetrievalMetrics(users=41, examples=97, unreachable=3, repeated=5, figures=figures)


def matcher(name: str, recall: float) -> ModelEvaluation:
    tail = SliceMetrics(name="popularity", value="tail", metrics=retrieval(0.01))
    tasks = {"click": TaskEvaluation(overall=retrieval(recall), slices=(tail,))}
    return ModelEvaluation(name=name, fingerprint="f0", folder=f"/models/{name}/7", tasks=tasks)


def test_a_matcher_stands_beside_popularity(folders: Folders) -> None:
    findings = report(folders, matcher("hcn", 0.4), matcher("two_tower", 0.35), popularity=matcher("popularity", 0.2))
    shown = text(findings)
    assert "0.4000" in line(shown, "hcn", "0.2500")
    assert "0.3500" in line(shown, "two_tower (baseline)")
    assert "0.2000" in line(shown, "popularity (nothing learned)")
    assert "0.0100" in line(shown, "popularity tail", "97")
    assert "41 users have 97 positives of click in the test window" in shown
    assert "3 of them are not in the catalogue" in shown
    assert "5 further positives repeat an earlier one" in shown
    content = json.loads(Path(folders.report).read_text())
    assert content["metrics"]["hcn"]["recall_50"] == 0.4
    assert content["metrics"]["hcn"]["novelty_10"] is None
    assert content["popularity"]["name"] == "popularity"


def test_it_says_which_task_a_matcher_uses(folders: Folders) -> None:
    shown = text(report(folders, matcher("hcn", 0.4), None, tasks=2))
    assert "hcn finds items for the first task, click, alone" in shown


def test_it_says_what_training_left_out(folders: Folders) -> None:
    training = TRAINING | {"task": "click", "examples": 500, "left_out": 2700}
    shown = text(report(folders, matcher("hcn", 0.4), None, training=training))
    assert "on 500 positives of click; 2,700 other examples were left out" in shown


def test_it_shows_the_graph_that_was_read(folders: Folders) -> None:
    graph = GraphCounts(
        tables={"links": TableCounts(rows=70, usable=68, dead_letters=2)},
        dead_letter_reasons={"links: entity is in no triple": 2},
        triples=900, entities=300, relations=7, linked_items=68,
    )  # fmt: skip
    shown = text(report(folders, matcher("kgat", 0.4), None, graph=graph))
    assert "2 dead letters" in line(shown, "rows of links", "70")
    assert "of 300 entities by 7 relations; 68 entities are items" in line(shown, "triples", "900")
    assert "2" in line(shown, "links: entity is in no triple")
