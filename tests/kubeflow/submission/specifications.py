"""A small specification with the parts that a submission reads."""

from __future__ import annotations

from typing import Any

import yaml

NAME, ROOT = "shop", "gs://bucket/interestflow/shop"
STEPS = ("Evaluator", "Pusher", "Trainer")


def pipeline_document(**changes: Any) -> dict[str, Any]:
    """Return the pipeline's document, as the backend's protocol buffers accept it."""
    parameters = {
        "span": {"parameterType": "STRING", "defaultValue": "", "isOptional": True},
        "learning_rate": {"parameterType": "NUMBER_DOUBLE", "defaultValue": 0.001, "isOptional": True},
        "scheduled_time": {"parameterType": "STRING", "defaultValue": "", "isOptional": True},
        "days": {"parameterType": "NUMBER_INTEGER", "defaultValue": 1.0, "isOptional": True},
    }
    tasks = {step: {"taskInfo": {"name": step}, "componentRef": {"name": step}} for step in STEPS}
    return {
        "pipelineInfo": {"name": NAME},
        "schemaVersion": "2.1.0",
        "sdkVersion": "tfx-1.21.0",
        "defaultPipelineRoot": ROOT,
        "root": {"inputDefinitions": {"parameters": parameters}, "dag": {"tasks": tasks}},
        "components": {step: {"executorLabel": step} for step in STEPS},
        "deploymentSpec": {
            "executors": {step: {"container": {"image": "example.com/interestflow:1"}} for step in STEPS}
        },
        **changes,
    }


def platform_document() -> dict[str, Any]:
    """Return the platform's document with a secret for one step."""
    secret = {"secretName": "store", "keyToEnv": [{"secretKey": "key", "envVar": "AWS_SECRET_ACCESS_KEY"}]}
    executors = {"Trainer": {"secretAsEnv": [secret]}}
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}


def specification_text(**changes: Any) -> str:
    """Return the whole file."""
    return yaml.safe_dump_all([pipeline_document(**changes), platform_document()])
