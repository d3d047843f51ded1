"""Recipes: how a candidate is made. Each is known by its name and by a hash of its content."""

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from types import MappingProxyType

MOST_RECIPES, _LONGEST_PHRASE = 32, 500
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
PLACEHOLDER = "{prompt}"
_FIELDS = {"name", "phrase", "route", "sampler", "endpoints"}
# Ranges that TRELLIS's samplers take.
_SAMPLER = {
    "ss_guidance_strength": (0.0, 30.0),
    "ss_sampling_steps": (1.0, 200.0),
    "slat_guidance_strength": (0.0, 30.0),
    "slat_sampling_steps": (1.0, 200.0),
}


class RecipeError(ValueError):
    """The recipes cannot be used; says where and what to do."""


class RecipeRoute(StrEnum):
    """Which way from words to a model."""

    ANY = "any"  # as the endpoint is set up
    DIRECT = "direct"
    PICTURE = "picture"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a candidate is made.

    Attributes:
        name: short, for people and settings.
        phrase: how a text prompt is put to the endpoint; `{prompt}` stands for the prompt, exactly once.
        route: from words to a model.
        sampler: settings of the samplers by name.
        endpoints: shell patterns of the endpoints that may make it.
    """

    name: str
    phrase: str = PLACEHOLDER
    route: RecipeRoute = RecipeRoute.ANY
    sampler: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    endpoints: tuple[str, ...] = ("*",)

    @property
    def version(self) -> str:
        """12 hexadecimal digits of SHA-256 over all but the name: what it makes, not what it is called."""
        content = [
            self.phrase,
            str(self.route),
            sorted((key, float(value)) for key, value in self.sampler.items()),
            sorted(self.endpoints),
        ]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]

    @property
    def label(self) -> str:
        """Name and version: `usual@0f3a…`."""
        return f"{self.name}@{self.version}"

    def words(self, prompt: str) -> str:
        """Return the prompt as it is put to the endpoint: "a red car" by "{prompt}, white background"."""
        return self.phrase.replace(PLACEHOLDER, prompt)

    def may_use(self, endpoint: str) -> bool:
        """Return whether the endpoint may make it."""
        return any(fnmatchcase(endpoint, pattern) for pattern in self.endpoints)


# Changes nothing: what a model was made by before there were recipes.
USUAL = Recipe("usual")


def parse_recipes(text: str) -> tuple[Recipe, ...]:
    """Return the recipes of a `recipes.toml`, in order; the first is what `single` uses.

    Raises:
        RecipeError: naming the recipe and the field.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"recipes.toml is not valid TOML: {error}") from error
    entries = tables.pop("recipe", None)
    if tables:
        raise RecipeError(
            f"recipes.toml has an unknown entry {next(iter(tables))!r}: use [[recipe]] tables only"
        )
    if not isinstance(entries, list) or not 0 < len(entries) <= MOST_RECIPES:
        raise RecipeError(f"recipes.toml needs 1 to {MOST_RECIPES} [[recipe]] tables")
    recipes = tuple(_recipe(entry, number) for number, entry in enumerate(entries, 1))
    names = [recipe.name for recipe in recipes]
    for name in names:
        if names.count(name) > 1:
            raise RecipeError(f"two recipes are called {name!r}: rename one")
    return recipes


def _recipe(entry: object, number: int) -> Recipe:
    if not isinstance(entry, dict):
        raise RecipeError(f"recipe {number} is not a table: write [[recipe]]")
    if unknown := sorted(set(entry) - _FIELDS):
        raise RecipeError(
            f"recipe {number} has an unknown field {unknown[0]!r}: use {', '.join(sorted(_FIELDS))}"
        )
    name, phrase = entry.get("name"), entry.get("phrase", PLACEHOLDER)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise RecipeError(f"recipe {number} needs a name of a-z, 0-9, - and _, at most 40 characters")
    if not isinstance(phrase, str) or phrase.count(PLACEHOLDER) != 1 or len(phrase) > _LONGEST_PHRASE:
        raise RecipeError(
            f"{name}: phrase needs {PLACEHOLDER} once, and at most {_LONGEST_PHRASE} characters"
        )
    if not phrase.isprintable():
        raise RecipeError(f"{name}: phrase has control characters: write it in one line")
    try:
        route = RecipeRoute(entry.get("route", RecipeRoute.ANY))
    except ValueError as error:
        raise RecipeError(f"{name}: route is one of {', '.join(RecipeRoute)}") from error
    return Recipe(name, phrase, route, _sampler(name, entry.get("sampler", {})), _endpoints(name, entry))


def _sampler(name: str, given: object) -> Mapping[str, float]:
    if not isinstance(given, dict):
        raise RecipeError(f"{name}: sampler is a table of numbers")
    for key, value in given.items():
        if key not in _SAMPLER:
            raise RecipeError(f"{name}: unknown sampler setting {key!r}: use {', '.join(sorted(_SAMPLER))}")
        low, high = _SAMPLER[key]
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise RecipeError(f"{name}: {key} is a number from {low:g} to {high:g}")
        if key.endswith("_steps") and value != int(value):
            raise RecipeError(f"{name}: {key} is a whole number")
    return MappingProxyType({str(key): float(value) for key, value in given.items()})


def _endpoints(name: str, entry: Mapping[str, object]) -> tuple[str, ...]:
    given = entry.get("endpoints", ["*"])
    if not isinstance(given, list) or not given or not all(isinstance(each, str) and each for each in given):
        raise RecipeError(f"{name}: endpoints is a list of endpoint names, * stands for any characters")
    return tuple(given)
