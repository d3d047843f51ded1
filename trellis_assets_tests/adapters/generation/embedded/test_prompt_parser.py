"""Which words of a prompt count."""

import pytest

from trellis_assets.adapters.generation.embedded.prompt_parser import read_prompt
from trellis_assets.adapters.generation.embedded.vocabulary import load_vocabulary

VOCABULARY = load_vocabulary()


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("copper pendant with a wave of leaves engraving.", "pendant"),
        ("black goose sofa", "sofa"),
        ("brown bear lamp.", "lamp"),
        ("violin-shaped tea table.", "table"),
        ("shiny blue ice cream cone", "cone_ice"),
        ("two ice creams", "cone_ice"),
        ("GREEN KNIVES", "sculpture"),
        ("silver ring with ruby centre.", "ring"),
        ("something odd with a house on it", "house"),
        ("zzz", "sculpture"),
        ("red and white candy cane", "candy_cane"),
        ("small marble elephant figurine", "elephant"),
        ("a statue", "figure"),
        ("pink and grey toy piano accordion", "accordion"),
    ],
)
def test_the_last_noun_of_the_leading_phrase_names_the_object(prompt: str, name: str) -> None:
    assert read_prompt(prompt, VOCABULARY).shape.name == name


def test_colours_are_taken_in_the_order_they_are_named() -> None:
    design = read_prompt("red and blue car with red roof", VOCABULARY)
    assert design.main == VOCABULARY.colours["red"]
    assert design.second == VOCABULARY.colours["blue"]


def test_without_a_colour_the_object_or_the_material_has_one() -> None:
    assert read_prompt("a tree", VOCABULARY).main == VOCABULARY.colours["green"]
    assert read_prompt("a wooden car", VOCABULARY).main == VOCABULARY.colours["oak"]


def test_prompt_names_material_and_pattern() -> None:
    design = read_prompt("red-striped steel drum", VOCABULARY)
    assert design.material.name == "metal"
    assert design.pattern == "stripes"


def test_equal_prompts_give_equal_designs_even_for_unknown_things() -> None:
    assert read_prompt("a zzyzx", VOCABULARY) == read_prompt("a zzyzx", VOCABULARY)
    assert read_prompt("a zzyzx", VOCABULARY) != read_prompt("a zzyzy", VOCABULARY)


@pytest.mark.parametrize(
    ("prompt", "main", "second"),
    [
        ("tree with purple fruits", "green", "purple"),
        ("tree with yellow leaves and red berries", "yellow", "red"),
        ("hammer with a purple head", "purple", "silver"),
        ("white clock with blue hands", "white", "blue"),
        ("cartoon oak tree", "green", "brown"),
        ("oak table", "oak", None),
        ("orange", "orange", "green"),
    ],
)
def test_colours_of_parts_are_distinguished_from_those_of_the_object(
    prompt: str, main: str, second: str | None
) -> None:
    design = read_prompt(prompt, VOCABULARY)
    assert design.main == VOCABULARY.colours[main]
    if second:
        assert design.second == VOCABULARY.colours[second]
