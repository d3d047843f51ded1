"""Import the picture route's libraries, and tell in plain words why one or its weights cannot be had."""

import importlib
from typing import Any

from trellis_assets.ports import GenerationError

INSTALL = "pip install 'trellis-assets[picture]'"
# By name: they come from libraries that may not be there (httpx, requests, urllib3, huggingface_hub).
_PASSING = ("ConnectionError", "ConnectError", "Timeout", "LocalEntryNotFoundError", "HfHubHTTPError")


def required(name: str) -> Any:
    """Return the module.

    Raises:
        GenerationError: permanent; it is not installed, or breaks while it is imported.
    """
    try:
        return importlib.import_module(name)
    # rembg exits where onnxruntime is missing; a broken install raises anything.
    except (Exception, SystemExit) as error:
        is_missing = isinstance(error, ModuleNotFoundError) and error.name == name
        reason = "is not installed" if is_missing else f"cannot be imported ({_told(error)})"
        raise GenerationError(f"{name} {reason}: {INSTALL}", is_transient=False) from error


def load_error(what: str, error: BaseException) -> GenerationError:
    """Return the fault that the server has while weights cannot be loaded.

    It is transient where the network is at fault: the next request may find it up again.
    """
    raised = {kind.__name__ for kind in _chain(error)}
    is_passing = any(name in kind for kind in raised for name in _PASSING)
    advice = "the network did not answer" if is_passing else "check its name, revision and files"
    return GenerationError(f"{what} cannot be loaded ({_told(error)}): {advice}", is_transient=is_passing)


def _told(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__


def _chain(error: BaseException | None) -> list[type[BaseException]]:
    kinds: list[type[BaseException]] = []
    while error is not None and len(kinds) < 10:  # noqa: PLR2004 - chains may be circular
        kinds += type(error).__mro__
        error = error.__cause__ or error.__context__
    return kinds
