"""Turn a TRELLIS pipeline into a folder whose every file is on this machine, at a known commit.

`from_pretrained` of TRELLIS takes a folder or a hub name and no revision. Its `pipeline.json` names models in
the same repository (`ckpts/slat_flow_img_dit_L_64l8p2_fp16`), models in others
(`owner/name/ckpts/…`) and a text model (`openai/clip-vit-large-patch14`); each name that is not on the
machine is downloaded at its newest. So a `pipeline.json` of ours is written, in which they are all paths.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from trellis_assets.adapters.weights.hub import fetch_file, fetch_transformers_model, is_local
from trellis_assets.adapters.weights.revisions import Revisions

CONFIG = "pipeline.json"
_SUFFIXES = (".json", ".safetensors")
# Keys of pipeline.json's `args`.
_MODELS, _TEXT_MODEL = "models", "text_cond_model"


@contextmanager
def pinned_pipeline(model: str, revision: str | None, revisions: Revisions) -> Iterator[Path]:
    """Give a folder to load the pipeline from, for as long as the block runs.

    Args:
        model: folder, or `owner/name` on the hub.
        revision: of `model`, as a setting names it; None takes the pinned or recorded commit.
        revisions: says which commit each repository is loaded at.

    Raises:
        OSError: the hub does not answer, or has no such file.
        ValueError: `pipeline.json` is not what TRELLIS writes.
    """
    source = _Source(model, revision, revisions)
    try:
        config = json.loads(source.file(CONFIG).read_text("utf-8"))
        arguments = config["args"]
        models = {key: source.model(name) for key, name in arguments[_MODELS].items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{CONFIG} of {model} does not describe a TRELLIS pipeline") from error
    local = {**arguments, _MODELS: models}
    if _TEXT_MODEL in arguments:
        local[_TEXT_MODEL] = source.text_model(arguments[_TEXT_MODEL])
    with TemporaryDirectory(prefix="trellis-pipeline-") as folder:
        path = Path(folder)
        (path / CONFIG).write_text(json.dumps({**config, "args": local}), encoding="utf-8")
        yield path


class _Source:
    """A pipeline's own repository or folder, and what its configuration names in others."""

    def __init__(self, model: str, revision: str | None, revisions: Revisions) -> None:
        self._model, self._revisions = model, revisions
        self._folder = Path(model).expanduser().resolve() if is_local(model) else None
        self._commit = "" if self._folder else revisions.commit(model, revision)

    def file(self, name: str) -> Path:
        """Return the path of one of the pipeline's own files."""
        return self._folder / name if self._folder else fetch_file(self._model, name, self._commit)

    def model(self, name: str) -> str:
        """Return the path, without its suffix, of a model's two files."""
        repository, own = _split(name)
        if self._folder and all((self._folder / f"{name}{suffix}").is_file() for suffix in _SUFFIXES):
            return str(self._folder / name)
        if repository is None:
            files = [self.file(f"{name}{suffix}") for suffix in _SUFFIXES]
        else:
            commit = self._revisions.commit(repository)
            files = [fetch_file(repository, f"{own}{suffix}", commit) for suffix in _SUFFIXES]
        # TRELLIS adds the suffixes itself.
        return str(files[-1].with_suffix(""))

    def text_model(self, name: str) -> str:
        """Return the folder of the text model."""
        if is_local(name):
            return name
        return str(fetch_transformers_model(name, self._revisions.commit(name)))


def _split(name: str) -> tuple[str | None, str]:
    """Return the repository and the name within it; None where it is the pipeline's own.

    "ckpts/ss_flow" is (None, "ckpts/ss_flow"), "owner/name/ckpts/ss_dec" is ("owner/name", "ckpts/ss_dec").
    """
    parts = name.split("/")
    return (None, name) if len(parts) <= 2 else ("/".join(parts[:2]), "/".join(parts[2:]))  # noqa: PLR2004
