"""CPU and memory limits of a step, in the units that the backend makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from interestflow.kubeflow.backend.errors import RefusedError
from interestflow.kubeflow.backend.quantities import parse_quantity


@dataclass(frozen=True)
class Resources:
    """Limits of a step.

    Attributes:
        cpus: processors; None without a limit.
        memory: bytes; None without a limit.
        extended: description of the further resource asked for, e.g. `2 nvidia.com/gpu`; empty for none. The backend
            has one field for accelerators, which holds any resource.
    """

    cpus: float | None = None
    memory: int | None = None
    extended: str = ""


def parse_resources(executor: str, message: Any) -> Resources:
    """Return the limits in a container's specification.

    Args:
        executor: label of the executor, for messages.
        message: a `ResourceSpec`. Where it has both a text and a number, the backend reads the text.

    Raises:
        RefusedError: a text is no quantity, which the driver would notice only when the step's turn comes.
    """
    place = f"executor `{executor}`"
    cpus = _quantity(place, "CpuLimit", message.resource_cpu_limit, message.cpu_limit, "")
    memory = _quantity(place, "MemoryLimit", message.resource_memory_limit, message.memory_limit, "G")
    for name, text in (
        ("CpuRequest", message.resource_cpu_request), ("MemoryRequest", message.resource_memory_request),
    ):  # fmt: skip
        _quantity(place, name, text, 0.0, "")
    accelerator = message.accelerator
    kind = accelerator.resource_type or accelerator.type
    count = accelerator.resource_count or (str(accelerator.count) if accelerator.count else "")
    if bool(kind) != bool(count):
        raise RefusedError(f"{place}: `accelerator` should have a type and a count, else the backend drops it")
    if count:
        parse_quantity(f"{place}: `accelerator.resourceCount`", count)
    return Resources(
        None if cpus is None else float(cpus), None if memory is None else int(memory), f"{count} {kind}".strip()
    )


def _quantity(place: str, name: str, text: str, number: float, unit: str) -> Any:
    if not text and not number:
        return None
    return parse_quantity(f"{place}: `resource{name}`", text or f"{number:g}{unit}")
