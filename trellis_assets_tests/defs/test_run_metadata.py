"""What a run shows of its task."""

from trellis_assets.defs.ops import _metadata_of
from trellis_assets.testing.fakes import a_generation, a_task


def test_a_run_shows_which_endpoint_made_its_model() -> None:
    made = a_task(generation=a_generation(endpoint="http://gpu.example:8096"))
    assert _metadata_of(made, "http://gallery", {})["endpoint"].value == "http://gpu.example:8096"
    assert "endpoint" not in _metadata_of(a_task(), "http://gallery", {})


def test_a_run_shows_the_pictures_that_its_model_was_made_from_before_all_else() -> None:
    shown = _metadata_of(a_task(generation=a_generation()), "http://gallery", {"made_from": b"webp"})
    assert next(iter(shown)) == "made_from"
    assert str(shown["made_from"].value).startswith(
        "![the picture, and the object cut out of it](data:image/webp"
    )
