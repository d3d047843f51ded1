"""The subnet's scoring service over HTTP (PROTOCOL 6.1)."""

import base64
import json
from collections.abc import Mapping
from typing import Any, Literal

import httpx

from trellis_assets.adapters.http_client import Answer, BoundedClient, NoAnswerError, shown_url
from trellis_assets.adapters.splat_io.errors import SplatFormatError
from trellis_assets.adapters.splat_io.spz import decode_spz
from trellis_assets.domain.splats.quality_checks import failed_data_checks
from trellis_assets.domain.tasks import TaskKind, printable
from trellis_assets.domain.verdicts import Verdict
from trellis_assets.ports import Clock, TooCostlyToJudgeError, ValidationUnavailableError

Api = Literal["2.4", "2.0"]
# An answer without previews is a few hundred bytes.
MAX_ANSWER_BYTES = 1024 * 1024
COMPRESSION_SPZ = 2
# How our own server says that it will not judge this model, now or later.
TOO_COSTLY = httpx.codes.REQUEST_ENTITY_TOO_LARGE
_MOST_SHOWN = 300
_HEALTH_S, _MAX_HEALTH_BYTES = 3.0, 10_000
_ROUTES = {TaskKind.TEXT: "validate_txt_to_3d_ply", TaskKind.IMAGE: "validate_img_to_3d_ply"}
_PROMPT_FIELDS = {TaskKind.TEXT: "prompt", TaskKind.IMAGE: "prompt_image"}
_NO_PREVIEW: Mapping[Api, tuple[str, ...]] = {
    "2.4": ("generate_single_preview", "generate_grid_preview"),
    "2.0": ("generate_preview",),
}
_PARTS = {"iqa": "iqa", "alignment": "alignment_score", "ssim": "ssim", "lpips": "lpips"}
# Alignment is a cosine divided by 0.35, and counts a fifth: more than these cannot come (PROTOCOL 6.4).
_HIGHEST_SCORE, _HIGHEST_PART = 1.4, 3.0


class HttpValidator:
    """Asks the scoring service that validators run, with the very bytes that would be submitted."""

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = 120.0,
        clock: Clock,
        api: Api | None = None,
        token: str | None = None,
    ) -> None:
        """Send nothing yet.

        Args:
            url: base URL of the service.
            timeout_s: longest wait for a score.
            clock: dates the verdicts.
            api: version of the request's shape; None asks the service when it is first needed.
            token: sent with every call.

        Raises:
            ValueError: not an http(s) URL.
        """
        self._where = shown_url(url)
        self._url, self._clock, self._api = url.rstrip("/"), clock, api
        self._client = BoundedClient(timeout_s=timeout_s, max_bytes=MAX_ANSWER_BYTES, token=token)
        self._health = BoundedClient(
            timeout_s=min(timeout_s, _HEALTH_S), max_bytes=_MAX_HEALTH_BYTES, token=token
        )

    @property
    def name(self) -> str:
        """Return backend and version of the service's API, as far as known."""
        return f"404-http {self._api or 'any'}"

    def validate(self, spz: bytes, *, prompt: str, kind: TaskKind) -> Verdict:
        """Return the service's score, at most 1; or the data checks that fail, without a request.

        The service answers 0 to invalid data, so that only our own check can say why.

        Raises:
            ValidationUnavailableError: no answer, or one that cannot be a score.
        """
        started_at = self._clock.now()
        failed = _failed_checks(spz)
        score, parts = (0.0, {}) if failed else self._ask(spz, prompt, kind)
        return Verdict(
            validator=self.name,
            score=score,
            started_at=started_at,
            duration_s=(self._clock.now() - started_at).total_seconds(),
            parts=parts,
            failed_checks=failed,
        )

    def problem(self) -> str | None:
        """Return why the service would not judge now: away, or its own finding; None if it would."""
        try:
            answer = self._health.get(f"{self._url}/health/")
            if answer.status == httpx.codes.NOT_FOUND:
                answer = self._health.get(f"{self._url}/version/")  # the subnet's own service
        except NoAnswerError as error:
            return str(error)
        if not httpx.codes.is_success(answer.status):
            return f"{self._where} answered {answer.status}: {answer.excerpt}"
        found = (answer.json_object or {}).get("problem")
        return f"{self._where}: {printable(str(found), _MOST_SHOWN)}" if found else None

    def _ask(self, spz: bytes, prompt: str, kind: TaskKind) -> tuple[float, dict[str, float]]:
        try:
            self._api = self._api or _api_of(self._client.get(f"{self._url}/version/"))
            request: dict[str, Any] = {
                _PROMPT_FIELDS[kind]: prompt,
                "data": base64.b64encode(spz).decode("ascii"),
                "compression": COMPRESSION_SPZ,
                **dict.fromkeys(_NO_PREVIEW[self._api], False),
            }
            answer = self._client.post_json(f"{self._url}/{_ROUTES[kind]}/", request)
        except NoAnswerError as error:
            raise ValidationUnavailableError(str(error)) from error
        return _scores_in(answer, self._where)


def _failed_checks(spz: bytes) -> tuple[str, ...]:
    try:
        return failed_data_checks(decode_spz(spz))
    except SplatFormatError as error:
        return (f"the model cannot be read: {error}",)


def _api_of(answer: Answer) -> Api:
    """Return the request's shape by the service's version, a JSON string; the current one if in doubt."""
    try:
        major, minor = json.loads(answer.body).split(".")[:2]
        return "2.4" if (int(major), int(minor)) >= (2, 1) else "2.0"
    except (ValueError, AttributeError, RecursionError):
        return "2.4"


def _scores_in(answer: Answer, where: str) -> tuple[float, dict[str, float]]:
    """Return the score and its parts by name.

    Raises:
        ValidationUnavailableError: not an answer that scores a model.
    """
    if answer.status == TOO_COSTLY:
        raise TooCostlyToJudgeError(f"{where}: {answer.excerpt}")
    if answer.status != httpx.codes.OK:
        raise ValidationUnavailableError(f"{where} answered {answer.status}: {answer.excerpt}")
    fields = answer.json_object
    if fields is None:
        raise ValidationUnavailableError(f"{where} answered with no JSON object: {answer.excerpt}")
    score = _number(fields, "score", _HIGHEST_SCORE, where)
    found = {name: field for name, field in _PARTS.items() if field in fields}
    parts = {name: _number(fields, field, _HIGHEST_PART, where) for name, field in found.items()}
    if score == 0 and not any(parts.values()):
        # A rendered model has parts above zero: this is how the service reports its own failures.
        raise ValidationUnavailableError(f"{where} failed to score the model: see its log")
    return min(score, 1.0), parts


def _number(fields: dict[str, Any], name: str, highest: float, where: str) -> float:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValidationUnavailableError(f"{where} answered without a number {name!r}")
    # A comparison first: JSON integers may be too large for a float.
    if not (0 <= value <= highest):
        raise ValidationUnavailableError(f"{where} answered {name} = {value!r:.40}, out of range")
    return float(value)
