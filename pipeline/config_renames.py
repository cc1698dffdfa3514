"""Configuration keys and values that had another name before, so that an old file's mistakes name the new one."""

from __future__ import annotations

RENAMED_KEYS = {
    "baseline.centre_temperature": "baseline.routing_temperature",
    "baseline.folded_behaviours": "baseline.fold_in_length",
    "baseline.kept": "baseline.top_k",
    "baseline.kept_share": "baseline.top_share",
    "baseline.recent": "baseline.recent_length",
    "baseline.rounds": "baseline.routing_iterations",
    "baseline.soft_temperature": "baseline.readout_temperature",
    "baseline_training.memory_megabytes": "baseline_training.cache_limit_mb",
    "baseline_training.table_memory_megabytes": "baseline_training.max_embedding_memory_mb",
    "data.dead_letter_limit": "data.max_bad_row_share",
    "data_validation.stop_at": "data_validation.fail_on",
    "deployment.most_replicas": "deployment.max_replicas",
    "deployment.versions_kept": "deployment.num_versions",
    "evaluation.gate.slice_minimum_examples": "evaluation.gate.min_slice_examples",
    "examination": "data_validation",
    "examination.stop_at": "data_validation.fail_on",
    "features.attributes.*.minimum_count": "features.attributes.*.min_count",
    "features.highest_single_auc": "features.max_single_feature_auc",
    "features.item.minimum_count": "features.item.min_count",
    "features.user.minimum_count": "features.user.min_count",
    "generate.exposure_to_interests": "generate.interest_exposure",
    "generate.fit_effect": "generate.interest_effect",
    "generate.kind_effect": "generate.task_effect",
    "model.centre_temperature": "model.routing_temperature",
    "model.folded_behaviours": "model.fold_in_length",
    "model.kept": "model.top_k",
    "model.kept_share": "model.top_share",
    "model.recent": "model.recent_length",
    "model.rounds": "model.routing_iterations",
    "model.soft_temperature": "model.readout_temperature",
    "serving.megabytes": "serving.max_model_mb",
    "serving.p50_milliseconds": "serving.max_p50_ms",
    "serving.p99_milliseconds": "serving.max_p99_ms",
    "training.memory_megabytes": "training.cache_limit_mb",
    "training.table_memory_megabytes": "training.max_embedding_memory_mb",
}
"""New path by old path; `*` stands for the position in a list."""

RENAMED_VALUES = {
    ("model.negative_distribution", "empirical"): "popularity",
    ("baseline.negative_distribution", "empirical"): "popularity",
}
"""New value by key and old value."""


def new_key(location: tuple[str | int, ...]) -> str | None:
    """Return the new path of the key at `location`, or None if it was never renamed.

    Example:
        >>> new_key(("features", "attributes", 1, "minimum_count"))
        'features.attributes.1.min_count'
    """
    path = ".".join("*" if isinstance(part, int) else part for part in location)
    renamed = RENAMED_KEYS.get(path)
    for position in (part for part in location if isinstance(part, int)):
        renamed = renamed and renamed.replace("*", str(position), 1)
    return renamed


def new_value(location: tuple[str | int, ...], value: object) -> str | None:
    """Return the new name of `value`, given for the key at `location`, or None if it was never renamed."""
    return RENAMED_VALUES.get((".".join(map(str, location)), str(value)))
