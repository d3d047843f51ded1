"""The embedded generator: well-formed, repeatable, and about what the prompt says."""

import numpy as np
import pytest

from trellis_assets.adapters.generation.embedded.generator import EmbeddedGenerator
from trellis_assets.adapters.generation.embedded.vocabulary import load_vocabulary
from trellis_assets.adapters.prompt_lists import default_pictures
from trellis_assets.adapters.splat_io.spz import encode_payload, encode_spz
from trellis_assets.adapters.validation.embedded.validator import EmbeddedValidator
from trellis_assets.domain.splats.preparation import prepare_for_submission
from trellis_assets.domain.splats.quality_checks import failed_data_checks
from trellis_assets.domain.splats.splats import GaussianSplats
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.ports import GenerationError
from trellis_assets.testing.fakes import FakeClock

PROMPTS = [
    "orange and grey lizard.",
    "shiny black typewriter.",
    "brass microscope on a wooden base.",
    "mossy stone tower with a torn banner.",
    "red and green temple with a curved roof.",
    "tall glass skyscraper with a flat roof.",
    "carved marble rhinoceros figurine.",
    "yellow butterfly lands softly.",
    "ceiling-hung thing.",
]


def generate(prompt: str, seed: int = 1) -> GaussianSplats:
    return EmbeddedGenerator().generate(prompt, kind=TaskKind.TEXT, seed=seed, endpoint="embedded")


def mean_colour(prompt: str) -> np.ndarray:
    return generate(prompt).colours.mean(axis=0)


def test_the_same_prompt_and_seed_give_the_same_model() -> None:
    assert encode_payload(generate("a red vase", 7)) == encode_payload(generate("a red vase", 7))


@pytest.mark.parametrize(("prompt", "seed"), [("a red vase", 8), ("a red vase!", 7)])
def test_another_seed_or_prompt_gives_another_model(prompt: str, seed: int) -> None:
    assert encode_payload(generate(prompt, seed)) != encode_payload(generate("a red vase", 7))


@pytest.mark.parametrize("prompt", PROMPTS)
def test_models_are_well_formed_and_pass_the_data_checks(prompt: str) -> None:
    splats = generate(prompt)
    assert len(splats) >= 20_000
    assert splats.extent == pytest.approx(1, abs=1e-5)
    assert failed_data_checks(splats) == ()
    report = prepare_for_submission(splats).report
    assert (report.removed_malformed, report.removed_strays) == (0, 0)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_models_score_like_ordinary_ones(prompt: str) -> None:
    spz = encode_spz(prepare_for_submission(generate(prompt)).splats)
    verdict = EmbeddedValidator(FakeClock()).validate(spz, prompt=prompt, kind=TaskKind.TEXT)
    assert 0.6 <= verdict.score <= 0.9


def test_splats_lie_flat_on_the_surface() -> None:
    splats = generate("blue ball")
    on_shell = np.abs(np.linalg.norm(splats.positions, axis=1) - 0.48) < 0.02
    w, x, y, z = splats.rotations[on_shell].T
    # The third axis of the rotation matrix of a unit quaternion.
    normals = np.stack([2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)], axis=1)
    outwards = splats.positions[on_shell] / np.linalg.norm(splats.positions[on_shell], axis=1)[:, None]
    assert np.median((normals * outwards).sum(axis=1)) > 0.98
    thin, wide = splats.scales[:, 2], splats.scales[:, 0]
    assert np.median(wide / thin) > 3


def test_the_colour_words_are_seen_in_the_model() -> None:
    red, green, blue = mean_colour("a red vase"), mean_colour("a green vase"), mean_colour("a blue vase")
    assert red.argmax() == 0
    assert green.argmax() == 1
    assert blue.argmax() == 2
    assert mean_colour("white vase").min() > mean_colour("black vase").max()


def test_two_colours_are_both_seen() -> None:
    colours = generate("red and blue striped ball").colours
    assert (colours.argmax(axis=1) == 0).mean() > 0.25
    assert (colours.argmax(axis=1) == 2).mean() > 0.25


def test_glass_is_more_transparent_than_steel() -> None:
    assert generate("glass ball").opacities.mean() < 0.6 < generate("steel ball").opacities.mean()


def test_shapes_differ_as_the_objects_do() -> None:
    def sides(prompt: str) -> np.ndarray:
        positions = generate(prompt).positions
        return positions.max(axis=0) - positions.min(axis=0)

    sword, plate = sides("a sword"), sides("a plate")
    assert sword[1] > 2 * max(sword[0], sword[2])
    assert plate[1] < 0.4 * min(plate[0], plate[2])


def test_every_object_of_the_vocabulary_can_be_built() -> None:
    words = {shape.name: word for word, shape in load_vocabulary().objects.items()}
    assert len(words) > 80
    for word in words.values():
        assert failed_data_checks(generate(word)) == (), word


@pytest.mark.parametrize("prompt", ["物件", "\ud800 broken", "x" * 100_000, "!?"])
def test_a_prompt_without_a_known_word_still_gives_a_model(prompt: str) -> None:
    assert failed_data_checks(generate(prompt)) == ()


@pytest.mark.parametrize("prompt", ["", " \n"])
def test_an_empty_prompt_is_refused_for_good(prompt: str) -> None:
    with pytest.raises(GenerationError, match="empty") as refused:
        generate(prompt)
    assert not refused.value.is_transient


def test_a_picture_becomes_a_model_in_its_colours() -> None:
    picture = default_pictures()[0]
    splats = EmbeddedGenerator().generate(picture, kind=TaskKind.IMAGE, seed=0, endpoint="embedded")
    verdict = EmbeddedValidator(FakeClock()).validate(
        encode_spz(prepare_for_submission(splats).splats), prompt=picture, kind=TaskKind.IMAGE
    )
    assert verdict.failed_checks == ()
    assert verdict.score > 0.8
    assert verdict.parts["likeness"] > 0.9


def test_a_picture_that_cannot_be_read_is_refused_for_good() -> None:
    with pytest.raises(GenerationError, match="no PNG, JPEG or WebP") as refused:
        EmbeddedGenerator().generate("aGVsbG8=", kind=TaskKind.IMAGE, seed=0, endpoint="embedded")
    assert not refused.value.is_transient
