"""Small networks of the classes that the subnet scores with, as files in the documented layout.

Every tensor has its published name, and numbers that follow from its name alone: the same on every
machine and with every release of the libraries, so that scores can be recorded.
"""

import json
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from trellis_assets.adapters.validation.neural.lpips import ALEXNET_FILE, CHANNELS
from trellis_assets.adapters.validation.neural.weights import (
    BACKBONE_FOLDER,
    CLIP_FILE,
    HEAD_FILE,
    PICTURE_CLIP_FOLDER,
    TOKENIZER_FILE,
    TORCH_HUB_FOLDER,
)

Shapes = Mapping[str, tuple[int, ...]]
START, END = "<|startoftext|>", "<|endoftext|>"
# Written beside LLM2CLIP's weights by code that must never run.
MARKER = "was_run"


def numbers(shapes: Shapes) -> dict[str, torch.Tensor]:
    """Return tensors that keep signals in proportion: matrices small, scales about 1."""
    return {name: torch.from_numpy(_numbers(name, shape)) for name, shape in shapes.items()}


def _numbers(name: str, shape: tuple[int, ...]) -> np.ndarray:
    drawn = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape, dtype=np.float32)
    if name.endswith((".bias", "class_embedding")) or not shape:
        return np.asarray(0.02 * drawn, np.float32)
    if len(shape) == 1:
        return 1 + 0.1 * drawn
    # Attention that looks at few places: an average over all would be the same for every picture.
    gains = (("position", 0.5), ("patch", 2.0), ("q_proj", 4.0), ("k_proj", 4.0), ("out_proj", 3.0))
    gain = next((gain for part, gain in gains if part in name), 1.0)
    return np.float32(gain) * drawn / np.float32(np.sqrt(np.prod(shape[1:])))


def clip_shapes(
    *, depths: Iterable[int], channels: tuple[int, ...], width: int, layers: int, vocabulary: int, embed: int
) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of OpenCLIP's ConvNeXt models with an MLP head."""
    shapes: dict[str, tuple[int, ...]] = {
        "positional_embedding": (77, width),
        "text_projection": (width, embed),
        "logit_scale": (),
        "token_embedding.weight": (vocabulary, width),
        "visual.trunk.stem.0.weight": (channels[0], 3, 4, 4),
        "visual.head.mlp.fc1.weight": (2 * embed, channels[-1]),
        "visual.head.mlp.fc1.bias": (2 * embed,),
        "visual.head.mlp.fc2.weight": (embed, 2 * embed),
    }
    vectors = {"visual.trunk.stem.0.bias": channels[0]}
    norms = {"ln_final": width, "visual.trunk.stem.1": channels[0], "visual.trunk.head.norm": channels[-1]}
    for stage, (depth, size) in enumerate(zip(depths, channels, strict=True)):
        at = f"visual.trunk.stages.{stage}."
        if stage:
            norms[at + "downsample.0"] = channels[stage - 1]
            shapes[at + "downsample.1.weight"] = (size, channels[stage - 1], 2, 2)
            vectors[at + "downsample.1.bias"] = size
        for block in range(depth):
            here = f"{at}blocks.{block}."
            norms[here + "norm"] = size
            vectors |= {
                here + "gamma": size,
                here + "conv_dw.bias": size,
                here + "mlp.fc1.bias": 4 * size,
                here + "mlp.fc2.bias": size,
            }
            shapes |= {
                here + "conv_dw.weight": (size, 1, 7, 7),
                here + "mlp.fc1.weight": (4 * size, size),
                here + "mlp.fc2.weight": (size, 4 * size),
            }
    for layer in range(layers):
        here = f"transformer.resblocks.{layer}."
        norms |= {here + "ln_1": width, here + "ln_2": width}
        vectors |= {
            here + "attn.in_proj_bias": 3 * width,
            here + "attn.out_proj.bias": width,
            here + "mlp.c_fc.bias": 4 * width,
            here + "mlp.c_proj.bias": width,
        }
        shapes |= {
            here + "attn.in_proj_weight": (3 * width, width),
            here + "attn.out_proj.weight": (width, width),
            here + "mlp.c_fc.weight": (4 * width, width),
            here + "mlp.c_proj.weight": (width, 4 * width),
        }
    vectors |= {f"{norm}.{part}": size for norm, size in norms.items() for part in ("weight", "bias")}
    return shapes | {name: (size,) for name, size in vectors.items()}


SMALL_CLIP = clip_shapes(
    depths=(1, 1, 2, 1), channels=(8, 16, 24, 32), width=64, layers=2, vocabulary=514, embed=16
)


def write_weights(folder: Path, clip: Shapes = SMALL_CLIP) -> None:
    """Write all files of `weights.LAYOUT`."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection, Dinov2Config, Dinov2Model

    folder.mkdir(parents=True)
    save_file(numbers(clip), folder / CLIP_FILE)
    write_tokenizer(folder, [])
    layer = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    vision = {**layer, "image_size": 336, "patch_size": 56}
    tower = CLIPVisionModelWithProjection(CLIPVisionConfig(**vision, projection_dim=16))
    write_llm2clip(folder / PICTURE_CLIP_FOLDER, vision, _shapes(tower))
    backbone = Dinov2Model(
        Dinov2Config(
            hidden_size=32, num_hidden_layers=1, num_attention_heads=2, image_size=518, patch_size=14
        )
    )
    found = numbers(_shapes(backbone))
    backbone.load_state_dict(found)
    backbone.save_pretrained(folder / BACKBONE_FOLDER)
    tuned = numbers({f"backbone.{name}": tuple(value.shape) for name, value in found.items()})
    heads = {"score_head.weight": (1, 32), "score_head.bias": (1,)}
    others = {"emb_head.weight": (256, 32), "emb_head.bias": (256,)}
    save_file(tuned | numbers(heads | others), folder / HEAD_FILE)
    checkpoints = folder / TORCH_HUB_FOLDER / "checkpoints"
    checkpoints.mkdir(parents=True)
    torch.save(alexnet(), checkpoints / ALEXNET_FILE)


def alexnet() -> dict[str, torch.Tensor]:
    """Return the features of AlexNet by torchvision's names."""
    inputs, sides = (3, *CHANNELS), (11, 5, 3, 3, 3)
    shapes: dict[str, tuple[int, ...]] = {}
    for i, at in enumerate((0, 3, 6, 8, 10)):
        shapes[f"features.{at}.weight"] = (CHANNELS[i], inputs[i], sides[i], sides[i])
        shapes[f"features.{at}.bias"] = (CHANNELS[i],)
    return numbers(shapes)


def write_llm2clip(folder: Path, vision: Mapping[str, Any], shapes: Shapes) -> None:
    """Write the repository as published: weights, a configuration, and code that leaves `MARKER` when run."""
    folder.mkdir()
    save_file(numbers(shapes), folder / "model.safetensors", metadata={"format": "pt"})
    code = f"from pathlib import Path\nPath(__file__).with_name({MARKER!r}).touch()\n"
    (folder / "modeling_clip.py").write_text(code)
    (folder / "configuration_clip.py").write_text(code)
    configuration = {
        "architectures": ["LLM2CLIPModel"],
        "auto_map": {"AutoConfig": "configuration_clip.C", "AutoModel": "modeling_clip.M"},
        "model_type": "clip",
        "projection_dim": 16,
        "vision_config": dict(vision),
    }
    (folder / "config.json").write_text(json.dumps(configuration))


def _shapes(module: torch.nn.Module) -> dict[str, tuple[int, ...]]:
    parameters = {name for name, _ in module.named_parameters()}
    return {n: tuple(v.shape) for n, v in module.state_dict().items() if n in parameters}


def write_tokenizer(folder: Path, merges: list[tuple[str, str]]) -> None:
    """Write CLIP's byte pair encoding with these merges as `tokenizer.json`."""
    from transformers import CLIPTokenizerFast
    from transformers.models.clip.tokenization_clip import bytes_to_unicode

    letters = list(bytes_to_unicode().values())
    words = [*letters, *(f"{letter}</w>" for letter in letters), *map("".join, merges), START, END]
    vocabulary, listed = folder / "vocab.json", folder / "merges.txt"
    vocabulary.write_text(json.dumps({word: i for i, word in enumerate(words)}), encoding="utf-8")
    listed.write_text("\n".join(["#version: 0.2", *map(" ".join, merges), ""]), encoding="utf-8")
    CLIPTokenizerFast(str(vocabulary), str(listed)).backend_tokenizer.save(str(folder / TOKENIZER_FILE))
    vocabulary.unlink()
    listed.unlink()
