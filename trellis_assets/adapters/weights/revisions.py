"""Decide which commit of a repository, and which bytes of a file, weights are loaded from.

The order of precedence is: a commit named by a setting, a commit pinned here, the commit recorded at the
first download. A repository that changes later therefore changes nothing here until a setting says so.
"""

import hashlib
import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from trellis_assets.system.atomic_write import write_atomically

_log = logging.getLogger(__name__)

FULL_COMMIT = re.compile(r"[0-9a-f]{40}")
# In the data folder. Older versions wrote the neural validator's commits to it under the same keys.
REVISIONS_FILE = "weight_revisions.json"
_CHUNK = 1 << 20

_TRELLIS_IMAGE = "25e0d31ffbebe4b5a97464dd851910efc3002d96"
PINNED: Mapping[str, str] = {
    # The repository was moved to microsoft/; pipeline.json files name either, and the commits are the same.
    "microsoft/TRELLIS-image-large": _TRELLIS_IMAGE,
    "JeffreyXiang/TRELLIS-image-large": _TRELLIS_IMAGE,
    "openai/clip-vit-large-patch14": "32bd64288804d66eefd0ccbe215aa642df71cc41",
    # Those of the subnet's own validation service.
    "microsoft/LLM2CLIP-Openai-L-14-336": "92512331f393a003c3d98404677f991c188162c9",
    "facebook/dinov2-small": "150c8e7bb7cef2d30ec31b13a517af14840ee3f7",
    "404-Gen/validation": "948bf06988b630681c7bc468aebf2bbe010856f7",
}
# Code that torch.hub takes from GitHub, by owner/name.
PINNED_CODE: Mapping[str, str] = {
    "facebookresearch/dinov2": "7764ea0f912e53c92e82eb78a2a1631e92725fc8",
}


class ChangedFileError(ValueError):
    """A file's bytes are not those that were recorded; the text says what to do."""


def newest_commit(repository: str, revision: str | None) -> str:
    """Return the commit that a branch or tag of a Hugging Face repository points to now.

    Raises:
        OSError: the hub does not answer, or there is no such repository or revision.
    """
    from huggingface_hub import HfApi

    return str(HfApi().model_info(repository, revision=revision).sha)


@dataclass(frozen=True, slots=True)
class Revisions:
    """Answers which commit to load, and records what is not pinned.

    Attributes:
        file: JSON object of commits by repository (`owner/name`, or `owner/name@tag`) and of `sha256:…` by
            URL; None records nothing.
        pinned: commits by repository.
        newest: asks the hub.
    """

    file: Path | None
    pinned: Mapping[str, str] = field(default_factory=lambda: PINNED)
    newest: Callable[[str, str | None], str] = newest_commit

    def commit(self, repository: str, revision: str | None = None) -> str:
        """Return the full commit of the repository to load from.

        Args:
            repository: `owner/name` on the Hugging Face hub.
            revision: a setting's commit, tag or branch; None where it names none. A tag or branch is
                resolved once, and its commit recorded.

        Raises:
            OSError: the commit is not known yet and the hub does not answer, or the file cannot be written.
            ValueError: the file is not a JSON object.
        """
        if revision is not None and FULL_COMMIT.fullmatch(revision):
            return revision
        if revision is None and repository in self.pinned:
            return self.pinned[repository]
        key = repository if revision is None else f"{repository}@{revision}"
        return self._recorded(key, lambda: self.newest(repository, revision))

    def check_file(self, url: str, path: Path) -> None:
        """Return if the file holds what the URL gave the first time; record it if this is the first.

        Raises:
            ChangedFileError: it holds others.
            OSError: a file cannot be read or written.
        """
        found = f"sha256:{_sha256(path)}"
        recorded = self._recorded(url, lambda: found)
        if found != recorded:
            raise ChangedFileError(
                f"{path.name} is not what its first download was (sha256 {found[7:19]}…, recorded "
                f"{recorded[7:19]}…): delete {path} to download it again, or its line in {self.file} "
                "if you trust the new one"
            )

    def _recorded(self, key: str, first: Callable[[], str]) -> str:
        if self.file is None:
            return first()
        from filelock import FileLock

        self.file.parent.mkdir(parents=True, exist_ok=True)
        # Two processes that start together must not record two commits.
        with FileLock(self.file.with_suffix(".lock")):
            recorded = _read(self.file)
            if key not in recorded:
                recorded[key] = first()
                write_atomically(self.file, json.dumps(recorded, indent=2, sort_keys=True) + "\n")
                _log.warning(
                    "%s is not pinned: %s is used from now on, recorded in %s", key, recorded[key], self.file
                )
            return recorded[key]


def _read(file: Path) -> dict[str, str]:
    if not file.exists():
        return {}
    recorded = json.loads(file.read_text("utf-8"))
    if not isinstance(recorded, dict):
        raise ValueError(  # noqa: TRY004 - a fault of the file, not of the caller
            f"{file} is not a JSON object: delete it, or put it back from a backup"
        )
    return {str(key): str(value) for key, value in recorded.items()}


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
