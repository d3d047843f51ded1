"""What a generation server says it made a model with: the value of its `X-Model-Settings` header."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from trellis_assets.domain.generation_requests import ENDPOINTS_OWN, Route, Sampling

SETTINGS_HEADER = "X-Model-Settings"
# The names of PROTOCOL 7's form, by the fields of `Sampling`.
FORM_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "ss_steps": "ss_sampling_steps",
        "ss_guidance": "ss_guidance_strength",
        "slat_steps": "slat_sampling_steps",
        "slat_guidance": "slat_guidance_strength",
        "image_guidance": "guidance_scale",
    }
)
_STEPS = {"ss_steps", "slat_steps"}
_LONGEST, _HIGHEST = 1000, 1e6
_EQUAL = 1e-6


@dataclass(frozen=True, slots=True)
class UsedSettings:
    """How a model was made.

    Attributes:
        sampling: what the samplers were given; None where a backend has no such sampler, or does not say.
        route: of words; None where the prompt was a picture.
    """

    sampling: Sampling = ENDPOINTS_OWN
    route: Route | None = None

    def is_as_asked(self, sampling: Sampling, route: Route | None) -> bool:
        """Return whether everything that was asked for was used; None asks for nothing.

        Examples:
            >>> used = UsedSettings(Sampling(ss_steps=20, ss_guidance=7.5))
            >>> used.is_as_asked(Sampling(ss_steps=20), None), used.is_as_asked(Sampling(ss_steps=12), None)
            (True, False)
        """
        if route is not None and route is not self.route:
            return False
        for name, asked in asked_values(sampling).items():
            used = getattr(self.sampling, name)
            if used is None or not math.isclose(used, asked, rel_tol=_EQUAL, abs_tol=_EQUAL):
                return False
        return True


def asked_values(sampling: Sampling) -> dict[str, float]:
    """Return the settings that are given, by the names of `Sampling`."""
    values = {name: getattr(sampling, name) for name in FORM_NAMES}
    return {name: value for name, value in values.items() if value is not None}


def form_fields(sampling: Sampling) -> dict[str, str]:
    """Return the settings that are given, as fields of a form."""
    return {FORM_NAMES[name]: f"{value:g}" for name, value in asked_values(sampling).items()}


def header_of(used: UsedSettings) -> str:
    """Return the header's value: a JSON object by the form's names."""
    said: dict[str, str | float] = {} if used.route is None else {"route": str(used.route)}
    return json.dumps(said | {FORM_NAMES[name]: value for name, value in asked_values(used.sampling).items()})


def read_header(text: str | None) -> UsedSettings | None:
    """Return what the header says; None where there is none, or it is not such an object.

    Names that are not known are left out: a newer server may say more.
    """
    if not text or len(text) > _LONGEST:
        return None
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    used = UsedSettings()
    route = said.get("route")
    if isinstance(route, str) and route in set(Route):
        used = replace(used, route=Route(route))
    values: dict[str, float] = {}
    for name, form_name in FORM_NAMES.items():
        value = said.get(form_name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _HIGHEST:
            continue
        if name not in _STEPS:
            values[name] = float(value)
        elif value == int(value):
            values[name] = int(value)
    return replace(used, sampling=replace(used.sampling, **values))  # type: ignore[arg-type]
