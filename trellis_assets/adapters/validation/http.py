"""A 404 validation server over HTTP (PROTOCOL 6.1)."""

import base64
import math

import httpx

from trellis_assets.domain.tasks import TaskKind, printable
from trellis_assets.domain.verdicts import Verdict
from trellis_assets.ports import Clock, ValidationUnavailableError

PARTS = {"iqa": "iqa", "alignment": "alignment_score", "ssim": "ssim", "lpips": "lpips"}
SPZ = 2


class HttpValidator:
    """`LocalValidator` that asks the scoring service validators use; both request shapes at once.

    The current and the older service each pass over the fields of the other.
    """

    def __init__(self, url: str, *, timeout_s: float, clock: Clock) -> None:
        self.name = f"http {url}"
        self._url, self._clock = url.rstrip("/"), clock
        self._client = httpx.Client(timeout=httpx.Timeout(timeout_s, connect=5.0))

    def validate(self, spz: bytes, *, prompt: str, kind: TaskKind) -> Verdict:
        """The service's score and its parts.

        Raises:
            ValidationUnavailableError: no answer, or one that is not a score.
        """
        started = self._clock.now()
        is_text = kind is TaskKind.TEXT
        route = "validate_txt_to_3d_ply" if is_text else "validate_img_to_3d_ply"
        body = {
            "prompt" if is_text else "prompt_image": prompt,
            "data": base64.b64encode(spz).decode("ascii"),
            "compression": SPZ,
            "generate_single_preview": False,
            "generate_preview": False,
        }
        try:
            answer = self._client.post(f"{self._url}/{route}/", json=body)
            answer.raise_for_status()
            fields = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            text = f"{self._url} gave no verdict: {type(error).__name__} {error}"
            raise ValidationUnavailableError(printable(text, 300)) from error
        return Verdict(
            validator=self.name,
            score=_number(fields, "score"),
            started_at=started,
            duration_s=(self._clock.now() - started).total_seconds(),
            parts={name: _number(fields, field, missing=0.0) for name, field in PARTS.items()},
        )


def _number(fields: object, name: str, missing: float | None = None) -> float:
    value = fields.get(name, missing) if isinstance(fields, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValidationUnavailableError(f"the validation server's answer has no number {name!r}")
    return float(value)
