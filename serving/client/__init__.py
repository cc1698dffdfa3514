"""Client of a model server: TensorFlow Serving, or the local server of this project."""

from serving.client.async_client import AsyncClient
from serving.client.channel import ClientTLS
from serving.client.client import Client
from serving.client.messages import ClientError

__all__ = ["AsyncClient", "Client", "ClientError", "ClientTLS"]
