"""Starting the validation server."""

from trellis_assets.adapters.validation.scorer import SplatJudge
from trellis_assets.domain.generation_requests import MAX_IMAGE_CHARACTERS
from trellis_assets.servers.middleware import check_exposure, guarded
from trellis_assets.servers.serving import serve
from trellis_assets.servers.validation.app import validation_app
from trellis_assets.servers.validation.requests import MAX_DATA_CHARACTERS

MAX_BODY_BYTES = MAX_DATA_CHARACTERS + MAX_IMAGE_CHARACTERS + 1024 * 1024
# Each may hold a body of the largest size.
_REQUESTS = 16


def run_validation_server(judge: SplatJudge, *, host: str, port: int, token: str | None) -> None:
    """Serve until stopped.

    Raises:
        ExposureError: other machines could reach it and there is no token.
    """
    check_exposure(host, token, "TRELLIS_SERVER_TOKEN")
    app = guarded(
        validation_app(judge), max_body=MAX_BODY_BYTES, max_requests=_REQUESTS, host=host, token=token
    )
    serve(app, host=host, port=port, log_level="info")
