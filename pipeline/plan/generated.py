"""Size of a log that is yet to be generated."""

from __future__ import annotations

import tempfile
from dataclasses import replace

from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.dag.generated_logs import ensure_logs, has_generated_logs
from interestflow.pipeline.plan.log_size import LogSize, estimate_log

SAMPLE_EVENTS = 50_000


def with_generated_sample(config: PipelineConfig) -> LogSize:
    """Return the size of the log of `config`; one that is yet to be generated is judged by a smaller one.

    Raises:
        TableError: if the log cannot be read.
    """
    generate = config.generate
    if generate is None or has_generated_logs(config):
        return estimate_log(config.ingestion())
    events = min(generate.events, SAMPLE_EVENTS)
    users = max(2, round(generate.users * events / generate.events))
    with tempfile.TemporaryDirectory() as folder:
        sample = config.model_copy(
            update={
                "generate": generate.model_copy(update={"events": events, "users": users}),
                "data": config.data.model_copy(update={"folder": folder}),
            }
        )
        ensure_logs(sample)
        size = estimate_log(sample.ingestion())
    if events == generate.events:
        return size
    factor = generate.events / events
    size = replace(size, events=float(generate.events), users=float(generate.users), items=float(generate.items))
    return size.assuming(
        f"the log has yet to be generated; its histories are those of one of {events:,} events",
        log_mb=size.log_mb * factor,
    )
