"""The platform document's entries are parsed strictly, and what the backend drops or only a cluster has is refused."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import struct_pb2

from interestflow.kubeflow.backend.errors import RefusedError
from interestflow.kubeflow.backend.placement import Placement, ScratchFolder, SecretVariable, Volume, parse_placement


def placement(**config: Any) -> Placement:
    document = struct_pb2.Struct()
    document.update(config)
    return parse_placement("Write_executor", document)


def test_nothing_asked_for_is_nothing() -> None:
    assert placement() == Placement()


def test_what_has_a_meaning_here_is_kept_and_the_rest_is_named() -> None:
    by_parameter = {"pvcNameParameter": {"runtimeValue": {"constant": "logs"}}, "mountPath": "/mnt/logs/"}
    secret = {"secretName": "store", "keyToEnv": [{"secretKey": "key", "envVar": "STORE_KEY"}]}
    assert placement(
        pvcMount=[{"constant": "models", "mountPath": "/mnt/models", "subPath": "demo"}, by_parameter],
        emptyDirMounts=[
            {"volumeName": "shm", "mountPath": "/dev/shm", "medium": "Memory", "sizeLimit": "1Gi"},
            {"volumeName": "scratch", "mountPath": "/scratch"},
        ],
        secretAsEnv=[secret, {**secret, "optional": True}],
        secretAsVolume=[{"secretName": "google", "mountPath": "/secrets/google"}],
        activeDeadlineSeconds=60,
        imagePullPolicy="Always",
        nodeSelector={"labels": {"pool": "gpu"}},
        tolerations=[{"key": "gpu", "operator": "Exists"}],
    ) == Placement(
        volumes=(
            Volume("models", "/mnt/models", "demo"),
            Volume("logs", "/mnt/logs"),
            Volume("google", "/secrets/google", is_secret=True),
        ),
        scratch_folders=(ScratchFolder("/dev/shm", True, 2**30), ScratchFolder("/scratch", False, None)),
        secrets=(SecretVariable("STORE_KEY", "store", False), SecretVariable("STORE_KEY", "store", True)),
        deadline=60,
        not_applied=("nodeSelector", "tolerations", "imagePullPolicy"),
    )


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"enabledSharedMemory": {"volumeName": "shm"}}, "the backend drops `enabledSharedMemory` without a word; use"),
        ({"gpu": 1}, 'has no field named "gpu"'),
        ({"imagePullPolicy": "Sometimes"}, "`imagePullPolicy` should be one of Always, Never, IfNotPresent, but is"),
        ({"secretAsVolume": [{"mountPath": "/s"}]}, "`secretAsVolume` names no secret"),
        ({"secretAsVolume": [{"secretName": "s"}]}, "`secretAsVolume.mountPath` should be an absolute path, but is ''"),
        ({"configMapAsVolume": [{"configMapName": "s"}]}, "`configMapAsVolume` needs a cluster"),
        ({"configMapAsEnv": [{"configMapName": "s"}]}, "`configMapAsEnv` needs a cluster"),
        ({"fieldPathAsEnv": [{"name": "s"}]}, "`fieldPathAsEnv` needs a cluster"),
        ({"genericEphemeralVolume": [{"volumeName": "s"}]}, "`genericEphemeralVolume` needs a cluster"),
        (
            {"pvcMount": [{"taskOutputParameter": {"producerTask": "createpvc"}, "mountPath": "/mnt"}]},
            "`pvcMount` should name its claim by a constant",
        ),
        (
            {"pvcMount": [{"pvcNameParameter": {"componentInputParameter": "claim"}, "mountPath": "/mnt"}]},
            "`pvcMount.pvcNameParameter` should be a constant text",
        ),
        ({"pvcMount": [{"constant": "models", "mountPath": "mnt"}]}, "`pvcMount.mountPath` should be an absolute path"),
        ({"emptyDirMounts": [{"mountPath": "x"}]}, "`emptyDirMounts.mountPath` should be an absolute path, but is 'x'"),
        ({"emptyDirMounts": [{"mountPath": "/x", "medium": "HugePages"}]}, "medium` should be Memory or absent"),
        (
            {"emptyDirMounts": [{"mountPath": "/x", "sizeLimit": "1GB"}]},
            "`emptyDirMounts.sizeLimit` should be a quantity",
        ),
        ({"secretAsEnv": [{"keyToEnv": []}]}, "`secretAsEnv` names no secret"),
        (
            {"secretAsEnv": [{"secretName": "s", "keyToEnv": [{"secretKey": "k"}]}]},
            "should have `secretKey` and `envVar`",
        ),
    ],
)
def test_what_cannot_be_executed_is_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(RefusedError, match=f"executor `Write_executor`: .*{message}"):
        placement(**config)
