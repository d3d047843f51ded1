"""The embedded generator's words and shapes, loaded from `vocabulary.toml`."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from trellis_assets.system.compat import tomllib

Vector = tuple[float, float, float]
Colour = tuple[float, float, float]
SHAPES = frozenset({"sphere", "box", "cylinder", "cone", "torus", "revolution", "tube"})


class VocabularyError(ValueError):
    """The vocabulary file contradicts itself; names the entry."""


@dataclass(frozen=True, slots=True)
class Part:
    """One body of an object, as `vocabulary.toml` describes.

    Attributes:
        colour: "main", "second" or the name of a colour.
        points: profile (radius, height) of a revolution, path (x, y, z) of a tube.
        radius: of the tube of a tube or torus.
    """

    shape: str
    size: Vector = (1.0, 1.0, 1.0)
    at: Vector = (0.0, 0.0, 0.0)
    turn: Vector = (0.0, 0.0, 0.0)
    colour: str = "main"
    around: int = 1
    mirror: bool = False
    points: tuple[tuple[float, ...], ...] = ()
    radius: float = 0.1


@dataclass(frozen=True, slots=True)
class ObjectShape:
    """What a noun looks like; `colours` are for prompts that name none."""

    name: str
    parts: tuple[Part, ...]
    colours: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Material:
    """How a surface looks. All in 0..1; `colour` is for prompts that name none."""

    name: str
    gloss: float = 0.15
    grain: float = 0.05
    opacity: float = 0.98
    glow: float = 0.0
    colour: str | None = None


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Words (lower case, singular) and what they stand for. Colours are RGB in 0..1."""

    colours: dict[str, Colour]
    materials: dict[str, Material]
    patterns: dict[str, str]
    objects: dict[str, ObjectShape]


@cache
def load_vocabulary() -> Vocabulary:
    """Return the vocabulary of this package.

    Raises:
        VocabularyError: the file contradicts itself.
    """
    text = files(__package__).joinpath("vocabulary.toml").read_text(encoding="utf-8")
    return parse_vocabulary(tomllib.loads(text))


def parse_vocabulary(raw: dict[str, Any]) -> Vocabulary:
    """Return the vocabulary in parsed TOML.

    Raises:
        VocabularyError: a word stands for two objects, or a shape or colour does not exist.
    """
    colours = {name: _colour(code) for name, code in raw["colours"].items()}
    materials: dict[str, Material] = {}
    for name, entry in raw["materials"].items():
        material = Material(name, **{key: value for key, value in entry.items() if key != "words"})
        materials |= dict.fromkeys([name, *entry["words"]], material)
    patterns = {word: name for name, words in raw["patterns"].items() for word in words}
    objects: dict[str, ObjectShape] = {}
    for name, entry in raw["objects"].items():
        shape = ObjectShape(
            name,
            tuple(_part(name, part, colours) for part in entry["parts"]),
            tuple(entry.get("colours", ())),
        )
        for word in entry["words"]:
            if word in objects:
                raise VocabularyError(f"{word!r} is both {objects[word].name} and {name}")
            objects[word] = shape
    return Vocabulary(colours, materials, patterns, objects)


def _colour(code: str) -> Colour:
    red, green, blue = bytes.fromhex(code)
    return (red / 255, green / 255, blue / 255)


def _part(owner: str, raw: dict[str, Any], colours: dict[str, Colour]) -> Part:
    fields = dict(raw)
    points = fields.pop("profile", None) or fields.pop("path", ())
    radius = fields.pop("tube", None) or fields.pop("radius", 0.1)
    part = Part(**fields, points=tuple(tuple(point) for point in points), radius=radius)
    if part.shape not in SHAPES:
        raise VocabularyError(f"{owner} has a part of unknown shape {part.shape!r}")
    if part.colour not in {"main", "second", *colours}:
        raise VocabularyError(f"{owner} has a part of unknown colour {part.colour!r}")
    return part
