"""The worked examples in docstrings of the domain are true, and the arithmetic of scheduling has them."""

import doctest
import importlib
import inspect
import pkgutil
from types import ModuleType

import pytest

import trellis_assets.domain

MODULES = sorted(
    module.name for module in pkgutil.walk_packages(trellis_assets.domain.__path__, "trellis_assets.domain.")
)
ARITHMETIC = [name for name in MODULES if ".scheduling." in name]


@pytest.mark.parametrize("name", MODULES)
def test_worked_examples_are_true(name: str) -> None:
    outcome = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert outcome.failed == 0


def _public_functions(module: ModuleType) -> list[str]:
    """Return the public functions that are defined in the module."""
    functions = [value for _, value in inspect.getmembers(module, inspect.isfunction)]
    return [
        function.__qualname__
        for function in functions
        if function.__module__ == module.__name__ and not function.__name__.startswith("_")
    ]


@pytest.mark.parametrize("name", ARITHMETIC)
def test_each_function_of_scheduling_has_a_worked_example(name: str) -> None:
    module = importlib.import_module(name)
    without = [
        f for f in _public_functions(module) if ">>>" not in (inspect.getdoc(getattr(module, f)) or "")
    ]
    assert without == []
