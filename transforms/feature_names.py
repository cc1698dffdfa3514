"""The names that features carry in raw examples and, after the transform, in model inputs.

Raw examples (`tf.Example`) and model inputs share names: the transform changes a feature's type, never its name.
Everything along the history is oldest to newest and starts with `history_`.
"""

USER = "user"
ITEM = "item"
ITEM_TEXT = "item_text"
"""Transformed only, for matchers: the item's id as it was, beside the number that it has become."""
TIMESTAMP = "timestamp"
"""Raw only: microseconds since 1970, int64."""
HISTORY_ITEM = "history_item"
HISTORY_AGE = "history_age"
"""Raw: whole seconds from the behaviour to the event, int64. Transformed: log2 bucket from 1, 0 where padded."""
HISTORY_COUNT = "history_count"
"""Raw only: how many behaviours the user had before the event, also those cut off by the maximum length; int64."""
HISTORY_NEGATIVE_ITEM = "history_negative_item"
"""Training only: beside each behaviour an item drawn from the log, where `sequence.history_negatives` asks for it."""
SAMPLING_PROBABILITY = "sampling_probability"
"""Raw only: probability with which a sampled negative was drawn; 1 for an event of the log; float32."""
TRUE_PROBABILITY = "true_probability"
"""Raw only, generated logs only: the event's true click probability; float32. Never a model input."""
SLICE_HISTORY = "slice_history_length"
"""Raw only: "0", "1-4", "5-19", "20-49" or "50+"."""
SLICE_USER = "slice_user"
"""Raw only: "known", or "new" where the user has no event in the training window."""
SLICE_ITEM = "slice_item"
"""Raw only: "known", or "cold" where the item has no event in the training window."""


def history(name: str) -> str:
    """The attribute `name` along the history."""
    return f"history_{name}"


def history_negative(name: str) -> str:
    """The attribute `name` of the items drawn beside the behaviours."""
    return f"history_negative_{name}"


def label(task: str) -> str:
    """Raw: the task's label, 0 or 1, float32."""
    return f"label_{task}"


def mask(task: str) -> str:
    """Raw: 1 where the task has a label, 0 elsewhere, float32; present only for tasks with a `mask`."""
    return f"mask_{task}"
