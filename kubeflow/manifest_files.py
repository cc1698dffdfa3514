"""Writes the kustomize folders of `kubeflow/manifests` with the names of one configuration."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import yaml

NAMESPACE, ACCOUNT = "kubeflow", "interestflow"
"""Names that the shipped files have in these places; the overlay's namespace has the second one too."""
UNSET_IMAGE, UNSET_TAG = "registry.invalid/interestflow", "unset"
PIPELINE_FILE, SERVING_FILE = "schedule/pipeline.yaml", "serving/kubernetes.yaml"
SHIPPED_ENDINGS = (".yaml", ".example", ".md")
BASE_FILE, CLAIMS_FILE = "base/kustomization.yaml", "base/volume-claims.yaml"
OVERLAYS = "overlays/"
SEPARATOR = "---\n"


class ManifestError(Exception):
    """Manifests that cannot be written; the message says why in one sentence."""


@dataclass(frozen=True)
class Names:
    """Names of one configuration.

    Attributes:
        namespace: namespace of the runs.
        image: image of the steps, whose tag or digest stands in it; None leaves a place to fill in.
        service_account: service account of the runs; None for the shipped name.
        claims: persistent volume claims that the steps and TensorFlow Serving mount.
    """

    namespace: str
    image: str | None
    service_account: str | None
    claims: tuple[str, ...]


def write_manifests(folder: Path, names: Names, pipeline: str, serving: str) -> list[Path]:
    """Write the manifests.

    Files that exist are replaced, except the object store's key, which only the user writes.

    Args:
        folder: folder to write to; it is created if needed.
        names: what stands in them.
        pipeline: text of the configuration, which the recurring run compiles.
        serving: Kubernetes objects of TensorFlow Serving, in YAML.

    Returns:
        The files.

    Raises:
        ManifestError: where a file cannot be written.
    """
    texts = {path: _with_names(path, text, names) for path, text in shipped_manifests().items()}
    texts |= {CLAIMS_FILE: _claims(texts[CLAIMS_FILE], names.claims), PIPELINE_FILE: pipeline, SERVING_FILE: serving}
    if not names.claims:
        del texts[CLAIMS_FILE]
        texts[BASE_FILE] = texts[BASE_FILE].replace(f"  - {Path(CLAIMS_FILE).name}\n", "")
    for path, text in texts.items():
        file = folder / path
        try:
            if CLAIMS_FILE not in texts:
                (folder / CLAIMS_FILE).unlink(missing_ok=True)  # of an earlier call
            file.parent.mkdir(parents=True, exist_ok=True)
            temporary = file.with_name(f".{file.name}.unfinished")
            temporary.write_text(text, encoding="utf-8")
            os.replace(temporary, file)
        except OSError as error:
            raise ManifestError(f"{file} cannot be written: {error.strerror or error}") from None
    return [folder / path for path in texts]


def shipped_manifests() -> Mapping[str, str]:
    """Return the text of each file that comes with the package, by its path."""
    root = files("interestflow.kubeflow") / "manifests"
    return {path: file.read_text(encoding="utf-8") for path, file in sorted(_files(root, ""))}


def _files(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        path = f"{prefix}{entry.name}"
        if entry.is_dir():
            yield from _files(entry, f"{path}/")
        elif entry.name.endswith(SHIPPED_ENDINGS) and path not in (PIPELINE_FILE, SERVING_FILE):
            yield path, entry


def _with_names(path: str, text: str, names: Names) -> str:
    # Text is replaced rather than YAML, so that the comments stay.
    if path.startswith(OVERLAYS):
        # The overlay is for servers on which runs are never in Kubeflow's own namespace.
        if names.namespace != NAMESPACE and path.endswith("kustomization.yaml"):
            text = text.replace(f"namespace: {ACCOUNT}\n", f"namespace: {names.namespace}\n")
    else:
        text = re.sub(rf"(?m)^(\s*)namespace: {NAMESPACE}$", rf"\g<1>namespace: {names.namespace}", text)
    if names.service_account is not None:
        text = _with_account(path, text, names.service_account)
    if names.image is not None and path == "schedule/kustomization.yaml":
        text = text.replace(f"newName: {UNSET_IMAGE}\n    newTag: {UNSET_TAG}", _image_fields(names.image))
    return text


def _with_account(path: str, text: str, account: str) -> str:
    if path == "base/service-account.yaml":
        kind = r"(kind: ServiceAccount\n(?:metadata:\n)?\s+name: )"
        return re.sub(rf"{kind}{ACCOUNT}$", rf"\g<1>{account}", text, flags=re.MULTILINE)
    if path == "overlays/multi-user/submit-role.yaml":
        return text.replace(f"name: {ACCOUNT}\n    namespace", f"name: {account}\n    namespace")
    return text.replace(f"serviceAccountName: {ACCOUNT}\n", f"serviceAccountName: {account}\n")


def _claims(shipped: str, claims: Sequence[str]) -> str:
    """Return the shipped claims that the configuration names, and the last of them under each other name."""
    start = shipped.index("apiVersion: ")
    documents = {_name(document): document for document in shipped[start:].split(SEPARATOR)}
    last_name, last = list(documents.items())[-1]
    texts = [
        documents.get(claim) or last.replace(f"name: {last_name}", f"name: {claim}") for claim in dict.fromkeys(claims)
    ]
    return shipped[:start] + SEPARATOR.join(texts)


def _name(document: str) -> str:
    return str(yaml.safe_load(document)["metadata"]["name"])


def _image_fields(image: str) -> str:
    """Return kustomize's fields of an image, such as `host:5000/team/name:tag` or `name@sha256:...`."""
    name, _, digest = image.partition("@")
    head, slash, last = name.rpartition("/")
    last, _, tag = last.partition(":")
    lines = [f"newName: {head}{slash}{last}"]
    if digest:
        lines.append(f"digest: {digest}")
    else:
        lines.append(f'newTag: "{tag or "latest"}"')  # in quotes, since 1.0 would be a number
    return "\n    ".join(lines)
