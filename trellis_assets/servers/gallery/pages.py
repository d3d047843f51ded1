"""Render the gallery's pages: everything escaped, and with a policy that runs only our own scripts."""

import secrets
from collections.abc import Mapping
from typing import Any

import jinja2
from fastapi.responses import HTMLResponse

# The viewer's module has its workers and its WebAssembly within itself.
_POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'self'; connect-src 'self' data: blob:; "
    "script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval' blob:; worker-src blob:; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
# A report runs nothing and loads nothing.
REPORT_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
HEADERS = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}
# A model never changes; shared caches must not hold it.
CACHED = HEADERS | {"cache-control": "private, max-age=86400, immutable"}


class Pages:
    """The templates. Everything is escaped, and a missing name is an error."""

    def __init__(self, dagster_url: str, files: str) -> None:
        loader = jinja2.PackageLoader("trellis_assets.servers.gallery")
        self._templates = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, loader=loader)
        self._templates.globals["dagster_url"] = dagster_url
        self._templates.globals["files"] = files
        for name in loader.list_templates():
            # Compiled now, not for the first viewer.
            self._templates.get_template(name)

    def fragment(self, name: str, values: Mapping[str, Any]) -> str:
        """Return the part `name` of a page with these values."""
        return self._templates.get_template(f"{name}.html.jinja").render(values)

    def render(self, name: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        """Return the page `name` with these values."""
        nonce = secrets.token_urlsafe(16)
        text = self._templates.get_template(f"{name}.html.jinja").render(nonce=nonce, **values)
        policy = _POLICY.format(nonce=nonce)
        return HTMLResponse(text, status, HEADERS | {"content-security-policy": policy})
