"""What a prompt asks for, as far as the vocabulary knows its words."""

import colorsys
import re
from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from trellis_assets.adapters.generation.vocabulary import (
    Colour,
    Material,
    ObjectShape,
    Part,
    Vocabulary,
)

# What follows these describes the object rather than names it ("pendant with tree of life").
_TURNING_WORDS = frozenset({"with", "on", "in", "for", "of", "from", "by", "at", "and", "having"})
_WORD = re.compile(r"[a-z]+")
_MAX_PROMPT = 1024
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
    """The design that the prompt's words ask for; equal prompts give equal designs.

    A noun that the vocabulary lacks becomes a turned sculpture of its own, made from the prompt's
    hash.
    """
    words = _WORD.findall(prompt[:_MAX_PROMPT].lower())
    taste = np.random.default_rng(
        int.from_bytes(sha256(prompt.encode(errors="surrogatepass")).digest()[:16], "big")
    )
    shape = _find_object(words, vocabulary) or _sculpture(taste)
    material = next((vocabulary.materials[w] for w in words if w in vocabulary.materials), None)
    names = [word for word in words if word in vocabulary.colours]
    if not names and material is not None and material.colour is not None:
        names = [material.colour, *shape.colours[1:2]]
    colours = [vocabulary.colours[name] for name in dict.fromkeys(names or shape.colours)]
    main = colours[0] if colours else _any_colour(taste)
    return Design(
        shape=shape,
        main=main,
        second=colours[1] if len(colours) > 1 else _counterpart(main),
        material=material or vocabulary.materials["matt"],
        pattern=next((vocabulary.patterns[w] for w in words if w in vocabulary.patterns), None),
    )


def _find_object(words: list[str], vocabulary: Vocabulary) -> ObjectShape | None:
    """The last noun of the leading phrase, else the first one anywhere."""
    turn = next((i for i, word in enumerate(words) if word in _TURNING_WORDS), len(words))
    leading = _objects_named(words[:turn], vocabulary)
    if leading:
        return leading[-1]
    anywhere = _objects_named(words, vocabulary)
    return anywhere[0] if anywhere else None


def _objects_named(words: list[str], vocabulary: Vocabulary) -> list[ObjectShape]:
    found: list[ObjectShape] = []
    for i, word in enumerate(words):
        pair = " ".join(words[i - 1 : i + 1]) if i else word
        for candidate in (pair, *_singulars(pair), word, *_singulars(word)):
            if candidate in vocabulary.objects:
                found.append(vocabulary.objects[candidate])
                break
    return found


def _singulars(word: str) -> list[str]:
    return [word.removesuffix(end) + start for end, start in _PLURALS if word.endswith(end)]


def _any_colour(taste: np.random.Generator) -> Colour:
    return colorsys.hsv_to_rgb(taste.uniform(), taste.uniform(0.45, 0.85), taste.uniform(0.55, 0.9))


def _counterpart(colour: Colour) -> Colour:
    """A darker neighbour of a light colour, a lighter one of a dark colour."""
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
