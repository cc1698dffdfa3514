"""The reason of a failure is the message at its root."""

from __future__ import annotations

import pytest

from interestflow.pipeline.config import ConfigurationError
from interestflow.readable_reason import readable_reason


def raise_from(error: Exception, cause: Exception | None) -> Exception:
    try:
        raise error from cause
    except Exception as raised:
        return raised


def test_the_reason_is_that_at_the_root_without_what_beam_adds() -> None:
    root = ValueError("no such column [while running 'Read']\nTraceback")
    assert readable_reason(raise_from(RuntimeError("wrapped"), root)) == "ValueError: no such column"
    assert readable_reason(ConfigurationError("`model` is missing")) == "`model` is missing"
    assert readable_reason(KeyError()) == "KeyError: KeyError"


def read_with_suppressed_context() -> None:
    try:
        raise OSError("low level")
    except OSError:
        raise ConfigurationError("the file cannot be read") from None


def test_a_context_that_was_suppressed_is_not_the_reason() -> None:
    with pytest.raises(ConfigurationError) as raised:
        read_with_suppressed_context()
    assert readable_reason(raised.value) == "the file cannot be read"


PRINTED = """Pipeline job-001 failed in state FAILED: bundle inst001 stage-001 failed:Traceback (most recent call last):
  File "apache_beam/runners/common.py", line 1512, in apache_beam.runners.common.DoFnRunner.process
  File "steps.py", line 6, in fail
    raise {kind}("{text}")
{kind}: {text}

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "sdk_worker.py", line 310, in _execute
{kind}: {text} [while running 'Fail']

"""
LIMIT = "at most 1.00% of the rows of `data.events` should be unusable, received 5 of 10: 5 x no item id"


@pytest.mark.parametrize("wrapped", ["{}", "Error running pipeline.\nRuntimeError: {}"])
@pytest.mark.parametrize(
    ("kind", "text", "reason"),
    [
        ("interestflow.transforms.ingestion.dead_letters.IngestionError", LIMIT, LIMIT),
        ("interestflow.pipeline.config.ConfigurationError", "`a` is\nmissing", "`a` is\nmissing"),
        ("polars.exceptions.ComputeError", "no column", "ComputeError: no column"),
        ("ValueError", "no column", "ValueError: no column"),
    ],
)
def test_an_error_that_arrives_as_text_has_the_reason_that_it_has_in_memory(
    kind: str, text: str, reason: str, wrapped: str
) -> None:
    printed = wrapped.format(PRINTED.format(kind=kind, text=text))
    assert readable_reason(RuntimeError(printed)) == reason


def test_an_error_of_a_job_service_is_found_below_its_own() -> None:
    text = 'Traceback (most recent call last):\n  File "x.py", line 1, in run\n    raise\nRuntimeError: ' + PRINTED
    assert readable_reason(RuntimeError(text.format(kind="interestflow.a.BError", text="no b"))) == "no b"


def test_a_lost_connection_is_one_line() -> None:
    class RpcError(Exception):
        pass

    text = '<Call of RPC that terminated with:\n\tstatus = StatusCode.UNAVAILABLE\n\tdetails = "Socket closed"\n>'
    assert readable_reason(RpcError(text)) == "RpcError: UNAVAILABLE: Socket closed"
