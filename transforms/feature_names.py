"""Names of features in raw examples and, after the transform, in model inputs.

Raw examples (`tf.Example`) and model inputs share names: the transform changes the type of a feature, never its name.
The names of features along the history start with `history_`; their values run from oldest to newest.
"""

USER = "user"
ITEM = "item"
ITEM_TEXT = "item_text"
"""The item's id as text, next to its integer id; in transformed examples only, for matchers."""
TIMESTAMP = "timestamp"
"""Microseconds since 1970, int64; in raw examples only."""
HISTORY_ITEM = "history_item"
HISTORY_AGE = "history_age"
"""Raw: whole seconds from the behaviour to the event, int64. Transformed: log2 bucket from 1, 0 where padded."""
HISTORY_COUNT = "history_count"
"""Number of behaviours that the user had before the event, also those cut off by the maximum length, int64; in raw
examples only."""
HISTORY_NEGATIVE_ITEM = "history_negative_item"
"""An item sampled for each behaviour, if `sequence.history_negatives` is set; in training examples only."""
SAMPLING_PROBABILITY = "sampling_probability"
"""Probability with which a sampled negative was sampled, 1 for an event of the log, float32; in raw examples only."""
TRUE_PROBABILITY = "true_probability"
"""The event's true click probability, float32; in raw examples of generated logs only, and never a model input."""
SLICE_HISTORY = "slice_history_length"
"""One of "0", "1-4", "5-19", "20-49" or "50+"; in raw examples only."""
SLICE_USER = "slice_user"
"""Either "known", or "new" if the user has no event in the training window; in raw examples only."""
SLICE_ITEM = "slice_item"
"""Either "known", or "cold" if the item has no event in the training window; in raw examples only."""


def history(name: str) -> str:
    """Return the feature of the attribute `name` along the history."""
    return f"history_{name}"


def history_negative(name: str) -> str:
    """Return the feature of the attribute `name` of the items sampled for the behaviours."""
    return f"history_negative_{name}"


def label(task: str) -> str:
    """Return the feature of the task's label: 0 or 1, float32."""
    return f"label_{task}"


def mask(task: str) -> str:
    """Return the feature of the mask of a task that has one: 1 if the event has a label, else 0, float32."""
    return f"mask_{task}"
