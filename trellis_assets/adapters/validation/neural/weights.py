"""Where the networks' weights are: in a folder of ours, or on the hubs that published them."""

from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from trellis_assets.adapters.validation.neural.lpips import ALEXNET_FILE
from trellis_assets.adapters.weights.hub import fetch_file, loadable
from trellis_assets.adapters.weights.revisions import Revisions
from trellis_assets.settings import SettingsError

PACKAGES = ("torch", "ftfy", "transformers", "tokenizers", "torchmetrics", "safetensors", "huggingface_hub")
CLIP = "laion/CLIP-convnext_large_d.laion2B-s26B-b102K-augreg"
PICTURE_CLIP = "microsoft/LLM2CLIP-Openai-L-14-336"
BACKBONE = "facebook/dinov2-small"
HEAD_REPOSITORY = "404-Gen/validation"
HEAD_FILE = "quality_scorer.safetensors"

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
    """What each network is loaded from: a path in the folder, or a repository at its commit.

    Attributes:
        folder: as docs/validation.md lays it out; None downloads.
        revisions: says which commit each repository is downloaded at.
    """

    folder: Path | None
    revisions: Revisions = field(default_factory=lambda: Revisions(None))

    def clip(self) -> str:
        """Return the path of the text network's weights, OpenCLIP's."""
        return self._file(CLIP, CLIP_FILE)

    def tokenizer(self) -> str:
        """Return the path of the text network's tokenizer."""
        return self._file(CLIP, TOKENIZER_FILE)

    @property
    def picture_clip(self) -> tuple[str, str | None]:
        """Name and revision for transformers."""
        return self._model(PICTURE_CLIP_FOLDER, PICTURE_CLIP)

    @property
    def backbone(self) -> tuple[str, str | None]:
        """Name and revision for transformers."""
        return self._model(BACKBONE_FOLDER, BACKBONE)

    @property
    def torch_hub(self) -> Path | None:
        """Folder with `checkpoints/alexnet-….pth`, for LPIPS; None downloads."""
        return self.folder / TORCH_HUB_FOLDER if self.folder else None

    def head(self) -> str:
        """Return the path of the quality head; downloaded at the first use where there is no folder."""
        return self._file(HEAD_REPOSITORY, HEAD_FILE)

    def _file(self, repository: str, name: str) -> str:
        if self.folder:
            return str(self.folder / name)
        return str(fetch_file(repository, name, self.revisions.commit(repository)))

    def _model(self, name: str, repository: str) -> tuple[str, str | None]:
        return (str(self.folder / name), None) if self.folder else loadable(repository, None, self.revisions)


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
