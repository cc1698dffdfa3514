"""Client of a model server: TensorFlow Serving, or the local server of this project.

It needs gRPC, protobuf and NumPy, and nothing of TensorFlow: `pip install 'interestflow[client]'`.
"""

from interestflow.serving.client.async_client import AsyncClient
from interestflow.serving.client.channel import ClientTLS
from interestflow.serving.client.client import Client
from interestflow.serving.client.client_error import ClientError
from interestflow.serving.client.metadata import Metadata, Signature, TensorInfo
from interestflow.serving.client.results import Outputs, Ranking, RetrievedItems, Scores, Vectors

__all__ = [
    "AsyncClient",
    "Client",
    "ClientError",
    "ClientTLS",
    "Metadata",
    "Outputs",
    "Ranking",
    "RetrievedItems",
    "Scores",
    "Signature",
    "TensorInfo",
    "Vectors",
]
