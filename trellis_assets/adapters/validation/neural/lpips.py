"""LPIPS over AlexNet (Zhang et al. 2018) as `torchmetrics` computes it, by torch alone.

`torchmetrics` takes AlexNet from torchvision, whose release must be the one made for the installed
torch, and reads its weights as a pickle. The features are five convolutions: they are built here and
both files are read with `weights_only`, so that nothing in them can run.
"""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ALEXNET_URL = "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"
ALEXNET_FILE = ALEXNET_URL.rsplit("/", 1)[1]
# Of torchmetrics' package.
HEADS_FILE = "functional/image/lpips_models/alex.pth"
CHANNELS = (64, 192, 384, 256, 256)
# The picture's shift and scale for values in -1..1, and what keeps a length from being 0.
_SHIFT, _SCALE, _TINY = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450), 1e-8


class PerceptualDistance:
    """Weighted squared differences of AlexNet's normalised features, averaged over the picture."""

    def __init__(self, features: Mapping[str, Any], heads: Mapping[str, Any], device: str) -> None:
        """Take the weights.

        Args:
            features: torchvision's names: `features.0.weight` and so on; others are left aside.
            heads: `lin0.model.1.weight` to `lin4.model.1.weight`, (1, C, 1, 1) each.
            device: as torch names it.

        Raises:
            ValueError: a tensor is missing or of another shape.
        """
        import torch

        from trellis_assets.adapters.validation.neural.text_clip import load_exactly

        convolutions = {
            name.removeprefix("features."): value.float()
            for name, value in features.items()
            if name.startswith("features.")
        }
        self._layers = load_exactly(_alexnet(), convolutions).to(device).eval()
        names = [f"lin{i}.model.1.weight" for i in range(len(CHANNELS))]
        shapes = {name: (1, channels, 1, 1) for name, channels in zip(names, CHANNELS, strict=True)}
        unfit = [n for n, shape in shapes.items() if n not in heads or tuple(heads[n].shape) != shape]
        if unfit:
            raise ValueError(f"the weights of LPIPS lack {', '.join(unfit)}")
        self._heads = [heads[name].detach().float().to(device) for name in names]
        self._shift, self._scale = (
            torch.tensor(values, device=device).reshape(1, 3, 1, 1) for values in (_SHIFT, _SCALE)
        )

    def between(self, one: Any, other: Any) -> float:
        """Return the distance of two pictures (1, 3, H, W) in 0..1; 0 for equal ones."""
        import torch

        total = 0.0
        with torch.inference_mode():
            pairs = zip(self._features(one), self._features(other), self._heads, strict=True)
            for seen, wanted, head in pairs:
                difference = (_unit(seen) - _unit(wanted)) ** 2
                total += float((difference * head).sum(dim=1).mean())
        return total

    def _features(self, picture: Any) -> list[Any]:
        from torch import nn

        found, now = [], (2 * picture - 1 - self._shift) / self._scale
        for layer in self._layers:
            now = layer(now)
            if isinstance(layer, nn.ReLU):
                found.append(now)
        return found


def _unit(features: Any) -> Any:
    return features / (_TINY + (features**2).sum(dim=1, keepdim=True)).sqrt()


def _alexnet() -> Any:
    """Return the layers of torchvision's AlexNet up to the fifth activation, numbered as there."""
    from torch import nn

    one, two, three, four, five = CHANNELS
    return nn.Sequential(
        nn.Conv2d(3, one, 11, stride=4, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),
        nn.Conv2d(one, two, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),
        nn.Conv2d(two, three, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(three, four, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(four, five, 3, padding=1),
        nn.ReLU(),
    )


def load(folder: Path | None, device: str) -> PerceptualDistance:
    """Return the distance with published weights, AlexNet's from the folder or downloaded.

    A download must begin with the digest in its name, as torchvision's own must.

    Raises:
        OSError, ValueError, RuntimeError: the files cannot be read, are no tensors, or do not fit.
    """
    import torch

    if folder:
        features = tensors_in(folder / "checkpoints" / ALEXNET_FILE)
    else:
        features = torch.hub.load_state_dict_from_url(
            ALEXNET_URL, map_location="cpu", check_hash=True, weights_only=True
        )
    return PerceptualDistance(features, tensors_in(heads_path()), device)


def heads_path() -> Path:
    """Return where `torchmetrics` keeps the weights of LPIPS, without importing it.

    Raises:
        OSError: torchmetrics is not installed.
    """
    spec = find_spec("torchmetrics")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("torchmetrics is not installed")
    return Path(spec.submodule_search_locations[0]) / HEADS_FILE


def tensors_in(path: Path) -> dict[str, Any]:
    """Return the tensors of a `.pth` file; nothing else in it is read, and nothing runs.

    Raises:
        OSError: it cannot be read.
        ValueError: it holds something other than tensors.
    """
    import pickle

    import torch

    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, EOFError) as error:
        raise ValueError(f"{path} holds more than tensors and is not loaded: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path} holds no tensors by name")  # noqa: TRY004 - the file, not a caller's type
    return found
