"""Where the networks' weights are: in a folder of ours, or on the hubs that published them."""

import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from trellis_assets.adapters.validation.neural.lpips import ALEXNET_FILE
from trellis_assets.settings import SettingsError

PACKAGES = ("ftfy", "transformers", "tokenizers", "torchmetrics", "safetensors", "huggingface_hub")
CLIP = "laion/CLIP-convnext_large_d.laion2B-s26B-b102K-augreg"
PICTURE_CLIP = "microsoft/LLM2CLIP-Openai-L-14-336"
PICTURE_CLIP_REVISION = "92512331f393a003c3d98404677f991c188162c9"
BACKBONE = "facebook/dinov2-small"
BACKBONE_REVISION = "150c8e7bb7cef2d30ec31b13a517af14840ee3f7"
HEAD_REPOSITORY = "404-Gen/validation"
HEAD_REVISION = "948bf06988b630681c7bc468aebf2bbe010856f7"
HEAD_FILE = "quality_scorer.safetensors"
# The service takes the newest of this repository: the revision of the first download is kept here.
REVISIONS_FILE = "weight_revisions.json"

# Names within the folder.
CLIP_FILE = "open_clip_model.safetensors"
TOKENIZER_FILE = "tokenizer.json"
PICTURE_CLIP_FOLDER = "LLM2CLIP-Openai-L-14-336"
BACKBONE_FOLDER = "dinov2-small"
TORCH_HUB_FOLDER = "torch-hub"
LAYOUT = (
    CLIP_FILE,
    TOKENIZER_FILE,
    PICTURE_CLIP_FOLDER,
    BACKBONE_FOLDER,
    HEAD_FILE,
    f"{TORCH_HUB_FOLDER}/checkpoints/{ALEXNET_FILE}",
)


@dataclass(frozen=True, slots=True)
class Weights:
    """Names to load from, each a path in the folder, or what the hub calls it.

    Attributes:
        folder: as docs/validation.md lays it out; None downloads.
        revisions: file that keeps the revisions of downloads that are not pinned by the service.
    """

    folder: Path | None
    revisions: Path | None = None

    def clip(self) -> str:
        """Return the path of the text network's weights, OpenCLIP's."""
        return self._clip_file(CLIP_FILE)

    def tokenizer(self) -> str:
        """Return the path of the text network's tokenizer."""
        return self._clip_file(TOKENIZER_FILE)

    def _clip_file(self, name: str) -> str:
        if self.folder:
            return str(self.folder / name)
        from huggingface_hub import hf_hub_download

        return str(hf_hub_download(CLIP, name, revision=kept_revision(CLIP, self.revisions)))

    @property
    def picture_clip(self) -> tuple[str, str | None]:
        """Name and revision for transformers."""
        return _named(self.folder, PICTURE_CLIP_FOLDER, PICTURE_CLIP, PICTURE_CLIP_REVISION)

    @property
    def backbone(self) -> tuple[str, str | None]:
        """Name and revision for transformers."""
        return _named(self.folder, BACKBONE_FOLDER, BACKBONE, BACKBONE_REVISION)

    @property
    def torch_hub(self) -> Path | None:
        """Folder with `checkpoints/alexnet-….pth`, for LPIPS; None downloads."""
        return self.folder / TORCH_HUB_FOLDER if self.folder else None

    def head(self) -> str:
        """Return the path of the quality head; downloaded at the first use where there is no folder."""
        if self.folder:
            return str(self.folder / HEAD_FILE)
        from huggingface_hub import hf_hub_download

        return str(hf_hub_download(HEAD_REPOSITORY, HEAD_FILE, revision=HEAD_REVISION))


def _named(folder: Path | None, name: str, hub: str, revision: str) -> tuple[str, str | None]:
    return (str(folder / name), None) if folder else (hub, revision)


def kept_revision(repository: str, file: Path | None) -> str:
    """Return the revision to download: the one in the file, else the hub's newest, written there.

    So a repository that changes later changes no score; delete the file to take the newest.

    Raises:
        OSError: the hub cannot be asked.
        ValueError: the file is not JSON.
    """
    from huggingface_hub import HfApi

    kept: dict[str, str] = json.loads(file.read_text("utf-8")) if file and file.exists() else {}
    if repository not in kept:
        kept[repository] = str(HfApi().model_info(repository).sha)
        if file:
            file.parent.mkdir(parents=True, exist_ok=True)
            partial = file.with_suffix(".partial")
            partial.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
            partial.replace(file)
    return kept[repository]


def check_ready(folder: Path | None) -> None:
    """Return if the packages are installed and the folder, where there is one, is complete.

    Raises:
        SettingsError: says what to install or which files are missing.
    """
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise SettingsError(
            f"the neural validator needs packages that are not installed ({', '.join(missing)}): "
            "pip install 'trellis-assets[neural]'"
        )
    absent = [name for name in LAYOUT if folder and not (folder / name).exists()]
    if absent:
        raise SettingsError(
            f"TRELLIS_WEIGHTS_DIR: {folder} lacks {', '.join(absent)}; docs/validation.md says where "
            "each comes from. Leave the variable unset to download them"
        )
