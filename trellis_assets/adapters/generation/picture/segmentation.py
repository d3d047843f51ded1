"""A segmentation network of transformers that tells the object from its background."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trellis_assets.adapters.generation.picture.libraries import load_error, required
from trellis_assets.adapters.weights.hub import loadable
from trellis_assets.adapters.weights.revisions import Revisions
from trellis_assets.domain.picture_route import CutSettings
from trellis_assets.ports import GenerationError

# What BiRefNet and its kin were trained with; a repository's own preprocessor_config.json goes before.
_SIDE = 1024
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_BACKGROUND = "background"


class SegmentationCutter:
    """Classes that transformers has itself, or, if a commit was named, code of the repository."""

    def __init__(self, model: Any, preparation: Mapping[str, Any], device: str, dtype: Any) -> None:
        self._model, self._device, self._dtype = model, device, dtype
        size = preparation.get("size") or {}
        self._size = (int(size.get("height", _SIDE)), int(size.get("width", _SIDE)))
        self._mean = np.asarray(preparation.get("image_mean") or _MEAN, np.float32)
        self._std = np.asarray(preparation.get("image_std") or _STD, np.float32)

    @classmethod
    def load(
        cls, settings: CutSettings, device: str, dtype: Any, revisions: Revisions
    ) -> "SegmentationCutter":
        """Return the network on the device.

        Without `code_revision` only semantic segmentation classes of transformers itself are loaded,
        from safetensors. With it the repository's own Python code runs, at that commit.

        Raises:
            GenerationError: packages or weights are missing, or it is no such network.
        """
        transformers = required("transformers")
        code = settings.code_revision
        auto = transformers.AutoModelForImageSegmentation if code else None
        auto = auto or transformers.AutoModelForSemanticSegmentation
        trusted = {"trust_remote_code": True, "code_revision": code} if code else {"trust_remote_code": False}
        try:
            name, commit = loadable(settings.model, settings.revision or code, revisions)
            model = auto.from_pretrained(name, revision=commit, use_safetensors=True, **trusted)
            preparation = _preparation(transformers, name, commit)
        except Exception as error:  # the libraries raise anything on what they cannot read
            raise load_error(f"the segmentation model {settings.model}", error) from error
        model = model.eval().to(device=device, dtype=dtype)
        return cls(model, preparation, device, dtype)

    def alpha(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return (H, W) of the object's probability, 0 to 255.

        Raises:
            GenerationError: the network's answer is no mask of one object.
        """
        torch = required("torch")
        from PIL import Image

        height, width = picture.shape[:2]
        small = Image.fromarray(picture[..., :3]).resize(self._size[::-1], Image.Resampling.BILINEAR)
        values = (np.asarray(small, np.float32) / 255 - self._mean) / self._std
        tensor = torch.from_numpy(values.transpose(2, 0, 1)[None]).to(self._device, self._dtype)
        with torch.inference_mode():
            share = self._share(self._model(tensor))
            mask = torch.nn.functional.interpolate(share[None, None], (height, width), mode="bilinear")
        return np.asarray((mask[0, 0].float() * 255).round().byte().cpu().numpy(), np.uint8)

    def to(self, device: str) -> None:
        """Move the network."""
        self._device = device
        self._model.to(device)

    def _share(self, output: Any) -> Any:
        """Return (h, w): the probability of the object, for each form that networks answer in."""
        logits = getattr(output, "logits", None)
        if logits is None:
            # BiRefNet answers with a list of masks, the finest last.
            logits = output[-1] if isinstance(output, list | tuple) else output
        classes = logits[0]
        if len(classes) == 1:
            return classes[0].float().sigmoid()
        return 1 - classes.float().softmax(0)[self._background(len(classes))]

    def _background(self, classes: int) -> int:
        labels = getattr(self._model.config, "id2label", None) or {}
        named = [int(key) for key, label in labels.items() if str(label).lower() == _BACKGROUND]
        if named:
            return named[0]
        if classes == 2:  # noqa: PLR2004 - background and object, in this order by custom
            return 0
        text = f"the segmentation model tells {classes} classes apart, none of which is the background"
        raise GenerationError(text, is_transient=False)


def _preparation(transformers: Any, model: str, revision: str | None) -> Mapping[str, Any]:
    """Return the repository's preprocessor_config.json; empty where it has none."""
    mixin = transformers.image_processing_base.ImageProcessingMixin
    try:
        found, _ = mixin.get_image_processor_dict(model, revision=revision)
    except OSError:
        return {}
    return dict(found)
