"""Where the networks' weights are: in a folder of ours, or on the hubs that published them."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from trellis_assets.settings import SettingsError

PACKAGES = ("open_clip", "transformers", "torchmetrics", "torchvision", "safetensors", "huggingface_hub")
CLIP_ARCHITECTURE = "convnext_large_d"
CLIP_TAG = "laion2b_s26b_b102k_augreg"
PICTURE_CLIP = "microsoft/LLM2CLIP-Openai-L-14-336"
PICTURE_CLIP_REVISION = "92512331f393a003c3d98404677f991c188162c9"
BACKBONE = "facebook/dinov2-small"
BACKBONE_REVISION = "150c8e7bb7cef2d30ec31b13a517af14840ee3f7"
HEAD_REPOSITORY = "404-Gen/validation"
HEAD_REVISION = "948bf06988b630681c7bc468aebf2bbe010856f7"
HEAD_FILE = "quality_scorer.safetensors"

# Names within the folder.
CLIP_FILE = "open_clip_model.safetensors"
PICTURE_CLIP_FOLDER = "LLM2CLIP-Openai-L-14-336"
BACKBONE_FOLDER = "dinov2-small"
TORCH_HUB_FOLDER = "torch-hub"
LAYOUT = (CLIP_FILE, PICTURE_CLIP_FOLDER, BACKBONE_FOLDER, HEAD_FILE, TORCH_HUB_FOLDER)


@dataclass(frozen=True, slots=True)
class Weights:
    """Names to load from, each a path in the folder, or what the hub calls it."""

    folder: Path | None

    @property
    def clip(self) -> str:
        """For open_clip."""
        return str(self.folder / CLIP_FILE) if self.folder else CLIP_TAG

    @property
    def picture_clip(self) -> tuple[str, str | None]:
        """Name and revision for transformers."""
        return _named(self.folder, PICTURE_CLIP_FOLDER, PICTURE_CLIP, PICTURE_CLIP_REVISION)

    @property
    def backbone(self) -> tuple[str, str | None]:
        """Name and revision for transformers."""
        return _named(self.folder, BACKBONE_FOLDER, BACKBONE, BACKBONE_REVISION)

    @property
    def torch_hub(self) -> str | None:
        """Folder with `checkpoints/alexnet-….pth`, for LPIPS; None for torch's own cache."""
        return str(self.folder / TORCH_HUB_FOLDER) if self.folder else None

    def head(self) -> str:
        """Path of the quality head; downloaded at the first use where there is no folder."""
        if self.folder:
            return str(self.folder / HEAD_FILE)
        from huggingface_hub import hf_hub_download

        return str(hf_hub_download(HEAD_REPOSITORY, HEAD_FILE, revision=HEAD_REVISION))


def _named(folder: Path | None, name: str, hub: str, revision: str) -> tuple[str, str | None]:
    return (str(folder / name), None) if folder else (hub, revision)


def check_ready(folder: Path | None) -> None:
    """Nothing, if the packages are installed and the folder, where there is one, is complete.

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
