"""What a prompt asks for, as far as the vocabulary knows its words."""

import colorsys
import re
from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from trellis_assets.adapters.generation.embedded.vocabulary import (
    Colour,
    Material,
    ObjectShape,
    Part,
    Vocabulary,
)
from trellis_assets.domain.generation_requests import MAX_PROMPT

# What follows these describes the object rather than names it ("pendant with tree of life").
_TURNING_WORDS = frozenset({"with", "on", "in", "for", "of", "from", "by", "at", "and", "having", "around"})
# These say that something is a likeness of what is named before them ("elephant figurine").
_LIKENESSES = frozenset(
    {"figurine", "statue", "figure", "toy", "doll", "sculpture", "model", "ornament", "pendant", "shaped"}
)
# Parts whose colour is that of most of the object.
_MAIN_PARTS = frozenset(
    {"leaf", "foliage", "petal", "skin", "body", "fur", "feather", "head", "shade", "crown", "wing"}
    | {"canopy", "color", "colour"}
)
# An oak tree is not made of oak.
_GROWN_MATERIAL = "wood"
_WORD = re.compile(r"[a-z]+")
_PLURALS = (("ies", "y"), ("ves", "f"), ("es", ""), ("s", ""))


@dataclass(frozen=True, slots=True)
class Design:
    """What to build: an object's parts with two colours, a material and perhaps a pattern."""

    shape: ObjectShape
    main: Colour
    second: Colour
    material: Material
    pattern: str | None


def read_prompt(prompt: str, vocabulary: Vocabulary) -> Design:
    """Return the design that the prompt's words ask for; equal prompts give equal designs.

    A noun that the vocabulary lacks becomes a turned sculpture of its own, made from the prompt's
    hash.
    """
    words = _WORD.findall(prompt[:MAX_PROMPT].lower())
    taste = np.random.default_rng(
        int.from_bytes(sha256(prompt.encode(errors="surrogatepass")).digest()[:16], "big")
    )
    shape = _find_object(words, vocabulary) or _sculpture(taste)
    material = _material(words, shape, vocabulary)
    first, others = _colours(words, shape, material, vocabulary)
    main = first or _any_colour(taste)
    return Design(
        shape=shape,
        main=main,
        second=next((colour for colour in others if colour != main), None) or _counterpart(main),
        material=material or vocabulary.materials["matt"],
        pattern=next((vocabulary.patterns[w] for w in words if w in vocabulary.patterns), None),
    )


def _material(words: list[str], shape: ObjectShape, vocabulary: Vocabulary) -> Material | None:
    for word in words:
        material = vocabulary.materials.get(word)
        is_kind = vocabulary.objects.get(word) is shape
        if material is not None and not (is_kind and material.name == _GROWN_MATERIAL):
            return material
    return None


def _colours(
    words: list[str], shape: ObjectShape, material: Material | None, vocabulary: Vocabulary
) -> tuple[Colour | None, list[Colour]]:
    """Return the main colour, None where no word names one, and further ones.

    A colour of a part after "with" is no main colour, unless most of the object is that part.
    """
    turn = _turn(words, vocabulary)
    named: list[str] = []
    of_parts: list[str] = []
    for i, word in enumerate(words):
        if word not in vocabulary.colours or _is_kind_of_tree(word, shape, vocabulary):
            continue
        following = {part for near in words[i + 1 : i + 3] for part in (near, *_singulars(near))}
        is_main = bool(following & _MAIN_PARTS)
        if is_main:
            named.insert(0, word)
        elif i > turn:
            of_parts.append(word)
        else:
            named.append(word)
    if not named and material is not None and material.colour is not None:
        named = [material.colour]
    if not named:
        # Nothing is said of the object itself: its own colour, if it has one.
        named = list(shape.colours[:1]) or of_parts[:1]
    others = [*named[1:], *of_parts, *shape.colours[1:]]
    colours = vocabulary.colours
    return (colours[named[0]] if named else None), [colours[name] for name in others]


def _is_kind_of_tree(word: str, shape: ObjectShape, vocabulary: Vocabulary) -> bool:
    material = vocabulary.materials.get(word)
    is_wood = material is not None and material.name == _GROWN_MATERIAL
    return is_wood and vocabulary.objects.get(word) is shape


def _find_object(words: list[str], vocabulary: Vocabulary) -> ObjectShape | None:
    """Return the last noun of the leading phrase, else the first one anywhere."""
    turn = _turn(words, vocabulary)
    leading = _objects_named(words[:turn], vocabulary)
    if leading:
        is_likeness = words[turn - 1] in _LIKENESSES if turn else False
        return leading[-2] if is_likeness and len(leading) > 1 else leading[-1]
    anywhere = _objects_named(words, vocabulary)
    return anywhere[0] if anywhere else None


def _turn(words: list[str], vocabulary: Vocabulary) -> int:
    """Return the index at which the description begins; an "and" between colours begins none."""
    for i, word in enumerate(words):
        is_between_colours = word == "and" and words[i + 1 : i + 2] and words[i + 1] in vocabulary.colours
        if word in _TURNING_WORDS and not is_between_colours:
            return i
    return len(words)


def _objects_named(words: list[str], vocabulary: Vocabulary) -> list[ObjectShape]:
    """Return the named objects in order; two words that name one together ("candy cane") count once."""
    found: dict[int, ObjectShape] = {}
    for i, word in enumerate(words):
        pair = " ".join(words[i - 1 : i + 1]) if i else word
        for candidate in (pair, *_singulars(pair), word, *_singulars(word)):
            if candidate in vocabulary.objects:
                found[i] = vocabulary.objects[candidate]
                if i and " " in candidate:
                    found.pop(i - 1, None)
                break
    return list(found.values())


def _singulars(word: str) -> list[str]:
    return [word.removesuffix(end) + start for end, start in _PLURALS if word.endswith(end)]


def _any_colour(taste: np.random.Generator) -> Colour:
    return colorsys.hsv_to_rgb(taste.uniform(), taste.uniform(0.45, 0.85), taste.uniform(0.55, 0.9))


def _counterpart(colour: Colour) -> Colour:
    """Return a darker neighbour of a light colour, a lighter one of a dark colour."""
    hue, saturation, value = colorsys.rgb_to_hsv(*colour)
    if value > 0.5:  # noqa: PLR2004 - the middle
        return colorsys.hsv_to_rgb((hue + 0.05) % 1, min(1, saturation * 1.15), value * 0.5)
    return colorsys.hsv_to_rgb((hue + 0.05) % 1, saturation * 0.7, min(1, value * 1.6 + 0.25))


def _sculpture(taste: np.random.Generator) -> ObjectShape:
    heights = np.linspace(-0.5, 0.5, 7)
    radii = taste.uniform(0.16, 0.5, size=7)
    profile = tuple((float(r), float(h)) for r, h in zip(radii, heights, strict=True))
    body = Part("revolution", size=(0.8, 1.0, 0.8), points=((0.0, -0.5), *profile, (0.0, 0.5)))
    copies = int(taste.integers(3, 7))
    ornament = Part(
        str(taste.choice(["sphere", "box", "cone"])),
        size=(0.2, 0.24, 0.2),
        at=(float(radii[3]) * 0.8, 0.0, 0.0),
        colour="second",
        around=copies,
    )
    return ObjectShape("sculpture", (body, ornament))
