"""The header by which a server says what it made a model with: hostile until parsed."""

import pytest

from trellis_assets.domain.generation_requests import Route, Sampling
from trellis_assets.domain.generation_settings import UsedSettings, form_fields, header_of, read_header

FULL = UsedSettings(Sampling(13, 8.5, 14, 9.0, 3.5), Route.PICTURE)


@pytest.mark.parametrize("used", [FULL, UsedSettings(), UsedSettings(Sampling(ss_steps=1), None)])
def test_what_is_written_is_read(used: UsedSettings) -> None:
    assert read_header(header_of(used)) == used


@pytest.mark.parametrize("text", [None, "", "{", "[]", "3", '"x"', "[" * 900, "{}" + " " * 2000, "\x00"])
def test_what_is_no_such_object_says_nothing(text: str | None) -> None:
    assert read_header(text) is None


@pytest.mark.parametrize(
    "text",
    [
        '{"route": "by air", "ss_sampling_steps": "13"}',
        '{"route": ["direct"], "ss_sampling_steps": 13.5}',
        '{"route": {}, "ss_guidance_strength": NaN, "slat_guidance_strength": Infinity}',
        '{"ss_sampling_steps": true, "slat_sampling_steps": -1, "guidance_scale": 1e300}',
        '{"ss_sampling_steps": null, "other": 3}',
        '{"ss_sampling_steps": ' + "9" * 500 + "}",
    ],
)
def test_values_that_no_server_uses_are_left_out(text: str) -> None:
    assert read_header(text) == UsedSettings()


def test_settings_are_sent_by_the_forms_names() -> None:
    assert form_fields(Sampling(ss_steps=13, slat_guidance=9.5)) == {
        "ss_sampling_steps": "13",
        "slat_guidance_strength": "9.5",
    }
