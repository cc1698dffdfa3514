"""Compare an answer with the recorded one: codes and values must be equal, the wording of messages need not."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from google.protobuf.message import Message

from tests.serving.conformance.replay.messages import plain, response_from_json

TOLERANCE = 1e-6
"""Of numbers, relative to those above 1."""
METRIC = re.compile(r"^(?P<name>[^\s{]+)(?:{(?P<labels>.*)})?\s")


def difference(case: dict[str, Any], answer: dict[str, Any]) -> str | None:
    """Return where `answer` differs from the recorded answer of `case`, or None where it does not."""
    recorded = case["answer"]
    if "answers" in recorded:
        return _difference_together(case, answer["answers"])
    if "status" in recorded and case["api"] == "rest":
        return _difference_rest(case, answer)
    if recorded["code"] != answer["code"]:
        return f"recorded {_shown(recorded)}, received {_shown(answer)}"
    if recorded["code"] != "OK" or "response" not in recorded:
        same = all(answer.get(key) == value for key, value in recorded.items() if key != "message")
        return None if same else f"recorded {_shown(recorded)}, received {_shown(answer)}"
    expected = plain(response_from_json(case["method"], recorded["response"]))
    received = plain(answer["response"])
    return None if same_values(expected, received) else f"recorded {expected!s:.600}, received {received!s:.600}"


def same_values(left: Any, right: Any) -> bool:
    """Return whether two plain values are equal, numbers within the tolerance and versions in any order."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(
            same_values(_comparable(key, left[key]), _comparable(key, right[key])) for key in left
        )
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same_values, left, right))
    if isinstance(left, bool) or isinstance(right, bool) or not isinstance(left, int | float):
        return type(left) is type(right) and bool(left == right)
    if not isinstance(right, int | float):
        return False
    if math.isnan(left) or math.isnan(right):
        return math.isnan(left) and math.isnan(right)
    return left == right or abs(left - right) <= TOLERANCE * max(1.0, abs(left), abs(right))


def _comparable(key: str, value: Any) -> Any:
    if key == "error_message":
        return bool(value)  # the status of a version; its words name folders of the server
    if key == "model_version_status" and isinstance(value, list):
        return sorted(value, key=lambda status: int(status.get("version", 0)))
    return value


def _difference_together(case: dict[str, Any], answers: list[dict[str, Any]]) -> str | None:
    recorded = case["answer"]["answers"]
    if case.get("timing"):  # which of the requests is refused is random
        codes = [sorted(answer["code"] for answer in side) for side in (recorded, answers)]
        return None if codes[0] == codes[1] else f"recorded {codes[0]}, received {codes[1]}"
    for index, (request, expected, answer) in enumerate(zip(case["requests"], recorded, answers, strict=True)):
        mismatch = difference({"api": "grpc", **request, "answer": expected}, answer)
        if mismatch is not None:
            return f"request {index}: {mismatch}"
    return None


def _difference_rest(case: dict[str, Any], answer: dict[str, Any]) -> str | None:
    recorded = case["answer"]
    different = f"recorded {_shown(recorded)}, received {_shown(answer)}"
    if recorded["status"] != answer["status"]:
        return different
    if case.get("compare") == "metrics":
        answer = {**answer, "body": metric_names(answer["body"])}
        return None if recorded["body"] == answer["body"] else f"recorded {_shown(recorded)}, received {_shown(answer)}"
    headers = [_headers(side) for side in (recorded, answer)]
    if headers[0] != headers[1]:
        return f"recorded the headers {headers[0]}, received {headers[1]}"
    if recorded["status"] >= 400 or recorded["status"] == 0:
        return None
    return None if same_values(_parsed(recorded["body"]), _parsed(answer["body"])) else different


def metric_names(page: str) -> str:
    """Return the names of the metrics on a page of Prometheus, with the names of their labels, one a line."""
    names = set()
    for match in filter(None, map(METRIC.match, page.splitlines())):
        if match["name"] != "#":
            labels = re.findall(r'(\w+)="', match["labels"] or "")
            names.add(f"{match['name']}{{{', '.join(labels)}}}" if labels else match["name"])
    return "\n".join(sorted(names))


def _headers(answer: dict[str, Any]) -> dict[str, str]:
    """Return headers by name; the character set of a content type is ignored."""
    return {name: value.partition(";")[0] for name, value in answer.get("headers", {}).items()}


def _parsed(body: str) -> Any:
    """Return the value of a JSON body; text that is no JSON is itself."""
    try:
        return json.loads(body)
    except ValueError:
        return body


def _shown(answer: dict[str, Any]) -> str:
    """Return one short line for a report."""
    parts = {key: plain(value) if isinstance(value, Message) else value for key, value in answer.items()}
    text = ", ".join(f"{key} {value!r}" for key, value in parts.items())
    return text if len(text) <= 600 else f"{text[:500]} ... {text[-80:]}"
