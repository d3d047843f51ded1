"""Small random networks of the classes that the subnet scores with, as files in the documented layout."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from trellis_assets.adapters.validation.neural.weights import (
    BACKBONE_FOLDER,
    CLIP_FILE,
    HEAD_FILE,
    PICTURE_CLIP_FOLDER,
    TORCH_HUB_FOLDER,
)

ARCHITECTURE = "tiny_clip"
_DEFINED = []


def allow_torchvision_without_operators() -> None:
    """Torchvision's release for a GPU, on a torch without one, lacks its operators; none is used here."""
    try:
        import torchvision
    except RuntimeError:
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _DEFINED.append(library)
        import torchvision  # noqa: F401


def write_weights(folder: Path) -> None:
    """All files of `Weights.LAYOUT`, from one seed."""
    import open_clip
    import torchvision
    from transformers import CLIPConfig, CLIPModel, Dinov2Config, Dinov2Model

    torch.manual_seed(5)
    folder.mkdir(parents=True)
    register_architecture(folder)
    save_file(open_clip.create_model(ARCHITECTURE).state_dict(), folder / CLIP_FILE)
    layer = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    vision = {**layer, "image_size": 336, "patch_size": 56}
    CLIPModel(CLIPConfig(text_config=layer, vision_config=vision, projection_dim=16)).save_pretrained(
        folder / PICTURE_CLIP_FOLDER
    )
    backbone = Dinov2Config(
        hidden_size=32, num_hidden_layers=1, num_attention_heads=2, image_size=518, patch_size=14
    )
    Dinov2Model(backbone).save_pretrained(folder / BACKBONE_FOLDER)
    head = torch.nn.Linear(32, 1)
    save_file({"score_head.weight": head.weight.data, "score_head.bias": head.bias.data}, folder / HEAD_FILE)
    checkpoints = folder / TORCH_HUB_FOLDER / "checkpoints"
    checkpoints.mkdir(parents=True)
    name = torchvision.models.AlexNet_Weights.DEFAULT.url.rsplit("/", 1)[1]
    torch.save(torchvision.models.alexnet(weights=None).half().state_dict(), checkpoints / name)


def register_architecture(folder: Path) -> None:
    """open_clip knows `ARCHITECTURE` afterwards."""
    import open_clip

    path = folder / f"{ARCHITECTURE}.json"
    vision = {"image_size": 224, "layers": 1, "width": 32, "patch_size": 32, "head_width": 16}
    text = {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1}
    path.write_text(json.dumps({"embed_dim": 16, "vision_cfg": vision, "text_cfg": text}))
    open_clip.add_model_config(path)
