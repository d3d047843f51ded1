"""Text-to-image pipelines and segmentation networks of the real classes: small, with random weights."""

import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
    SegformerConfig,
    SegformerForSemanticSegmentation,
)

WIDTH = 32


def save_stable_diffusion(folder: Path, *, safetensors: bool = True) -> Path:
    """Save a StableDiffusionPipeline of some ten thousand parameters, and return its folder."""
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(8, 16),
        norm_num_groups=4,
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=WIDTH,
        attention_head_dim=4,
    )
    vae = AutoencoderKL(
        block_out_channels=(8, 8, 8, 8),
        norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
    )
    pipeline = StableDiffusionPipeline(
        vae=vae,
        text_encoder=CLIPTextModel(clip_text_config()),
        tokenizer=clip_tokenizer(folder / "vocabulary"),
        unet=unet,
        scheduler=DDIMScheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder / "stable-diffusion", safe_serialization=safetensors)
    return folder / "stable-diffusion"


def clip_text_config() -> CLIPTextConfig:
    """Return CLIP's text network with one small layer."""
    return CLIPTextConfig(
        hidden_size=WIDTH,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=4,
        vocab_size=514,
        bos_token_id=512,
        eos_token_id=513,
        pad_token_id=513,
        projection_dim=WIDTH,
    )


def clip_tokenizer(folder: Path) -> CLIPTokenizer:
    """Return CLIP's tokenizer with its 256 bytes, and no merges, as its vocabulary."""
    folder.mkdir(parents=True, exist_ok=True)
    tokens = [
        *byte_characters(),
        *(f"{c}</w>" for c in byte_characters()),
        "<|startoftext|>",
        "<|endoftext|>",
    ]
    (folder / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer.from_pretrained(folder, model_max_length=77)


def byte_characters() -> list[str]:
    """Return the printable character by which byte pair encodings stand for each byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    codes = dict.fromkeys(printable) | {byte: 256 + i for i, byte in enumerate(others)}
    return [chr(codes[byte] or byte) for byte in range(256)]


def save_segformer(folder: Path, *, classes: int = 2, named: bool = True) -> Path:
    """Save a Segformer whose random answer is a sharp mask, and return its folder."""
    torch.manual_seed(1)
    labels = {i: "background" if named and i == 0 else f"thing {i}" for i in range(classes)}
    config = SegformerConfig(
        num_encoder_blocks=2,
        depths=[1, 1],
        sr_ratios=[2, 1],
        hidden_sizes=[8, 16],
        patch_sizes=[7, 3],
        strides=[4, 2],
        num_attention_heads=[1, 2],
        mlp_ratios=[2, 2],
        decoder_hidden_size=16,
        num_labels=classes,
        id2label=labels,
        label2id={label: i for i, label in labels.items()},
    )
    model = SegformerForSemanticSegmentation(config)
    with torch.no_grad():
        model.decode_head.classifier.weight.mul_(1e4)
    target = folder / f"segformer-{classes}-{named}"
    model.save_pretrained(target)
    size = {"height": 64, "width": 64}
    (target / "preprocessor_config.json").write_text(
        json.dumps({"image_processor_type": "SegformerImageProcessor", "size": size})
    )
    return target
