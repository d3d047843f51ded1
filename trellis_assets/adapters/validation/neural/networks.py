"""The subnet's networks, each from its own library: what they say of the sixteen views.

Views are (V, 3, H, W) float32 tensors in 0..1 on the device of the network.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trellis_assets.adapters.validation.neural import lpips
from trellis_assets.adapters.validation.neural.text_clip import TextClip, load_exactly
from trellis_assets.adapters.validation.neural.weights import Weights

Array = NDArray[np.float64]

TEXT_SIDE, PICTURE_SIDE, QUALITY_SIDE, LPIPS_SIDE = 224, 336, 518, 256
# CLIP's means and deviations, both times three, as the service has them.
_CLIP_MEAN = tuple(3 * value for value in (0.48145466, 0.4578275, 0.40821073))
_CLIP_DEVIATION = tuple(3 * value for value in (0.26862954, 0.26130258, 0.27577711))
_IMAGENET_MEAN, _IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_HEAD = "score_head"
_BACKBONE = "backbone."


class TextAlignment:
    """How well words fit views: cosines of OpenCLIP's network."""

    def __init__(self, weights: Weights, device: str) -> None:
        self._clip = TextClip(weights.clip(), weights.tokenizer(), device)
        self._device = device

    def cosines(self, views: Any, prompt: str) -> Array:
        """Return the cosines (V,) between the prompt and each view."""
        import torch

        images = _normalised(_resized(views, TEXT_SIDE, "bicubic"), _CLIP_MEAN, _CLIP_DEVIATION)
        with torch.inference_mode(), _half_on_gpu(self._device):
            return _cosines(self._clip.encode_images(images), self._clip.encode_text(prompt))


class PictureAlignment:
    """How well a picture fits views: cosines of LLM2CLIP's vision part, an ordinary CLIP tower.

    The repository brings classes of its own, which are code: they are not run. Its vision tower has
    the tensors of `transformers`' own CLIP.
    """

    def __init__(self, weights: Weights, device: str) -> None:
        from transformers import CLIPConfig, CLIPVisionModelWithProjection

        name, revision = weights.picture_clip
        whole = CLIPConfig.from_pretrained(name, revision=revision, trust_remote_code=False)
        config = whole.vision_config
        config.projection_dim = whole.projection_dim
        model, found = CLIPVisionModelWithProjection.from_pretrained(
            name,
            revision=revision,
            config=config,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
        _refuse_gaps(found, "the picture network")
        self._model, self._device = model.to(device).float().eval(), device

    def cosines(self, views: Any, picture: Any) -> Array:
        """Return the cosines (V,) between the picture (1, 3, H, W) and each view."""
        import torch

        def features(images: Any) -> Any:
            small = _resized(images, PICTURE_SIDE, "bicubic")
            return self._model(_normalised(small, _CLIP_MEAN, _CLIP_DEVIATION)).image_embeds

        with torch.inference_mode(), _half_on_gpu(self._device):
            return _cosines(features(views), features(picture))


class Quality:
    """How good views look: DINOv2's class token, a linear layer, a sigmoid."""

    def __init__(self, weights: Weights, device: str) -> None:
        import torch
        from safetensors.torch import load_file
        from transformers import Dinov2Model

        name, revision = weights.backbone
        backbone, found = Dinov2Model.from_pretrained(
            name, revision=revision, use_safetensors=True, output_loading_info=True
        )
        _refuse_gaps(found, "the quality network")
        stored = load_file(weights.head())
        missing = {f"{_HEAD}.weight", f"{_HEAD}.bias"} - set(stored)
        if missing:
            names = sorted(stored)[:8]
            raise ValueError(f"the quality head lacks {', '.join(sorted(missing))}; it has {names}")
        tuned = {k.removeprefix(_BACKBONE): v for k, v in stored.items() if k.startswith(_BACKBONE)}
        if tuned:
            # As in the service, what the file lacks stays as the backbone's own; nothing is left over.
            load_exactly(backbone, backbone.state_dict() | tuned)
        head = torch.nn.Linear(backbone.config.hidden_size, 1)
        head.load_state_dict({"weight": stored[f"{_HEAD}.weight"], "bias": stored[f"{_HEAD}.bias"]})
        self._backbone, self._head = backbone.to(device).eval(), head.to(device).eval()

    def scores(self, views: Any) -> Array:
        """Return the scores (V,) in 0..1, computed one view at a time: memory stays small."""
        import torch

        images = _normalised(_resized(views, QUALITY_SIDE, "bilinear"), _IMAGENET_MEAN, _IMAGENET_DEVIATION)
        with torch.inference_mode():
            logits = [
                self._head(self._backbone(pixel_values=image[None]).last_hidden_state[:, 0])
                for image in images
            ]
            return _numpy(torch.sigmoid(torch.cat(logits)).reshape(-1))


class Similarity:
    """How alike neighbouring views are, each with the next and the last with the first."""

    def __init__(self, weights: Weights, device: str) -> None:
        from torchmetrics.image import StructuralSimilarityIndexMeasure

        self._ssim = StructuralSimilarityIndexMeasure(data_range=1.0, reduction="none").to(device).eval()
        self._distance = lpips.load(weights.torch_hub, device)

    def ssim(self, views: Any) -> Array:
        """Return the structural similarities (V,) of neighbouring views."""
        import torch

        with torch.inference_mode():
            values = self._ssim(views, views.roll(-1, 0))
        self._ssim.reset()
        return _numpy(values.reshape(-1))

    def lpips(self, views: Any) -> Array:
        """Return the perceptual distances (V,) of neighbouring views, 0 for equal ones."""
        import torch

        small = _resized(views, LPIPS_SIDE, "bicubic").clamp(0, 1)
        nexts = small.roll(-1, 0)
        with torch.inference_mode():
            pairs = zip(small, nexts, strict=True)
            return np.array([self._distance.between(one[None], other[None]) for one, other in pairs])


def _refuse_gaps(found: dict[str, Any], what: str) -> None:
    """Raise where a tensor was not in the file: transformers would fill it with random numbers."""
    gaps = [*found["missing_keys"], *(names[0] for names in found["mismatched_keys"])]
    if gaps:
        raise ValueError(f"the weights of {what} lack {', '.join(sorted(gaps)[:8])}")


def _resized(images: Any, side: int, mode: str) -> Any:
    import torch

    if images.shape[-2:] == (side, side):
        return images
    return torch.nn.functional.interpolate(images, size=(side, side), mode=mode, align_corners=False)


def _normalised(images: Any, mean: tuple[float, ...], deviation: tuple[float, ...]) -> Any:
    import torch

    shape = (1, 3, 1, 1)
    offset = torch.tensor(mean, device=images.device).reshape(shape)
    return (images - offset) / torch.tensor(deviation, device=images.device).reshape(shape)


def _cosines(seen: Any, wanted: Any) -> Array:
    seen = seen.float() / seen.float().norm(dim=-1, keepdim=True)
    wanted = wanted.float() / wanted.float().norm(dim=-1, keepdim=True)
    return _numpy((seen @ wanted.T).reshape(-1))


def _half_on_gpu(device: str) -> Any:
    """Return a context of half precision on a GPU, as validators compute; a CPU is slower with it."""
    import torch

    return torch.autocast("cuda", dtype=torch.float16, enabled=device.startswith("cuda"))


def _numpy(tensor: Any) -> Array:
    values: Array = tensor.detach().float().cpu().numpy().astype(np.float64)
    return values
