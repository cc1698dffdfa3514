"""Errors that prevent the rendering of deployment files."""

from __future__ import annotations


class DeploymentError(Exception):
    """Files that cannot be rendered or written; the message says why in one sentence."""


class ModelFolderError(DeploymentError):
    """A model folder from which TensorFlow Serving could not serve what the configuration asks for."""
