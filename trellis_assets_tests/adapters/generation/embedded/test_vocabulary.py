"""The vocabulary file is checked when it is loaded."""

from typing import Any

import pytest

from trellis_assets.adapters.generation.embedded.vocabulary import (
    VocabularyError,
    load_vocabulary,
    parse_vocabulary,
)


def raw(**objects: Any) -> dict[str, Any]:
    return {"colours": {"red": "ff0000"}, "materials": {}, "patterns": {}, "objects": objects}


def test_every_colour_that_an_object_or_material_has_by_default_exists() -> None:
    vocabulary = load_vocabulary()
    for shape in vocabulary.objects.values():
        assert set(shape.colours) <= set(vocabulary.colours), shape.name
    for material in vocabulary.materials.values():
        assert material.colour is None or material.colour in vocabulary.colours


def test_a_word_for_two_objects_is_refused() -> None:
    twice = {"words": ["cup"], "parts": [{"shape": "box"}]}
    with pytest.raises(VocabularyError, match="'cup' is both a and b"):
        parse_vocabulary(raw(a=twice, b=twice))


@pytest.mark.parametrize(
    ("part", "reason"),
    [({"shape": "blob"}, "unknown shape 'blob'"), ({"shape": "box", "colour": "octarine"}, "'octarine'")],
)
def test_a_shape_or_colour_that_does_not_exist_is_refused(part: dict[str, Any], reason: str) -> None:
    with pytest.raises(VocabularyError, match=reason):
        parse_vocabulary(raw(a={"words": ["a"], "parts": [part]}))
