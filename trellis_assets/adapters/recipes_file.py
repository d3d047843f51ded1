"""The recipes of a file, read again when the file changes, or those that the project ships."""

import logging
from importlib.resources import files
from pathlib import Path
from threading import Lock

from trellis_assets.domain.learning.recipes import Recipe, RecipeError, parse_recipes
from trellis_assets.observability.audit_log import audit
from trellis_assets.settings import SettingsError

MAX_FILE_BYTES = 256 * 1024
SETTING = "TRELLIS_RECIPES_FILE"


def shipped_recipes() -> tuple[Recipe, ...]:
    """Return the shipped recipes."""
    return parse_recipes(files("trellis_assets.resources").joinpath("recipes.toml").read_text("utf-8"))


def read_recipes(path: Path | None) -> tuple[Recipe, ...]:
    """Return the recipes of the file; None: the shipped ones.

    Raises:
        SettingsError: the file cannot be read, or a recipe in it cannot be used.
    """
    if path is None:
        return shipped_recipes()
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            raise SettingsError(f"{SETTING}: {path} has more than {MAX_FILE_BYTES} bytes: shorten it")
        return parse_recipes(data.decode("utf-8"))
    except OSError as error:
        raise SettingsError(f"{SETTING}: {path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{SETTING}: {path} is not UTF-8: save it as UTF-8") from error
    except RecipeError as error:
        raise SettingsError(f"{SETTING}: {path}: {error}") from error


class RecipesFile:
    """The recipes in force: an edit counts from the next task on, without a restart.

    A file that an edit broke loses no task: the last recipes that could be read stay in force, in a new
    process the shipped ones, and the log says why, once for each edit. `mine` does not start with such a
    file, and the doctor reports it. Safe to use from several threads.
    """

    def __init__(self, path: Path | None) -> None:
        """Read nothing yet; None stands for the shipped recipes."""
        self._path, self._lock = path, Lock()
        self._seen: tuple[int, int, int] | None = None
        self._recipes: tuple[Recipe, ...] = ()

    def current(self) -> tuple[Recipe, ...]:
        """Return the recipes, at least one."""
        with self._lock:
            state = self._state()
            if not self._recipes or state != self._seen:
                try:
                    self._recipes = read_recipes(self._path)
                except SettingsError as error:
                    self._recipes = self._recipes or shipped_recipes()
                    used = ", ".join(recipe.label for recipe in self._recipes)
                    audit("recipes not read", level=logging.ERROR, reason=str(error), used=used)
                self._seen = state
            return self._recipes

    def _state(self) -> tuple[int, int, int] | None:
        """Return what changes with each edit: time, size and number of the file; None where there is none."""
        try:
            found = self._path.stat() if self._path is not None else None
        except OSError:
            return None
        return None if found is None else (found.st_mtime_ns, found.st_size, found.st_ino)
