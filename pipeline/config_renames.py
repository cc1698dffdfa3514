"""Configuration keys and values that had another name before, so that an old file's mistakes name the new one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def _in_each(sections: Iterable[str], renames: Mapping[str, str]) -> dict[str, str]:
    """Return the new path by the old path of keys that several sections have."""
    return {f"{section}.{old}": f"{section}.{new}" for section in sections for old, new in renames.items()}


MODELS = ("model", "baseline")
TRAININGS = ("training", "baseline_training")
IDENTITIES = ("features.item", "features.user", "features.attributes.*")
RENAMED_KEYS = {
    **_in_each(
        MODELS,
        {
            "centre_temperature": "routing_temperature",
            "folded_behaviours": "fold_in_length",
            "kept": "top_k",
            "kept_share": "top_share",
            "recent": "recent_length",
            "rounds": "routing_iterations",
            "soft_temperature": "readout_temperature",
        },
    ),
    **_in_each(
        TRAININGS,
        {"memory_megabytes": "cache_limit_mb", "table_memory_megabytes": "max_embedding_memory_mb"},
    ),
    **_in_each(IDENTITIES, {"minimum_count": "min_count"}),
    "data.dead_letter_limit": "data.max_bad_row_share",
    "data_validation.stop_at": "data_validation.fail_on",
    "deployment.most_replicas": "deployment.max_replicas",
    "deployment.versions_kept": "deployment.num_versions",
    "evaluation.gate.slice_minimum_examples": "evaluation.gate.min_slice_examples",
    "examination": "data_validation",
    "examination.stop_at": "data_validation.fail_on",
    "features.highest_single_auc": "features.max_single_feature_auc",
    "generate.exposure_to_interests": "generate.interest_exposure",
    "generate.fit_effect": "generate.interest_effect",
    "generate.kind_effect": "generate.task_effect",
    "serving.megabytes": "serving.max_model_mb",
    "serving.p50_milliseconds": "serving.max_p50_ms",
    "serving.p99_milliseconds": "serving.max_p99_ms",
}
"""New path by old path; `*` stands for the position in a list."""

RENAMED_VALUES = {(f"{section}.negative_distribution", "empirical"): "popularity" for section in MODELS}
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
