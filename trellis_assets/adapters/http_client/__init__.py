"""HTTP to untrusted peers: one deadline for all of a call, and a bound on everything that comes back."""

from trellis_assets.adapters.http_client.client import Answer, BoundedClient, NoAnswerError
from trellis_assets.adapters.http_client.urls import shown_url

__all__ = ["Answer", "BoundedClient", "NoAnswerError", "shown_url"]
