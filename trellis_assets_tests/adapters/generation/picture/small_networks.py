"""Text-to-image pipelines and segmentation networks of the real classes: small, with random weights."""

import json
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from tokenizers import Tokenizer
from tokenizers.models import Unigram
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
    SegformerConfig,
    SegformerForSemanticSegmentation,
    T5Config,
    T5EncoderModel,
    T5TokenizerFast,
)

WIDTH = 32


def save_stable_diffusion(folder: Path) -> Path:
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
        scheduler=DDIMScheduler(steps_offset=1, clip_sample=False),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder / "stable-diffusion", safe_serialization=True)
    return folder / "stable-diffusion"


def save_stable_diffusion_with_a_pickle(folder: Path) -> Path:
    """Save one whose text network alone is a pickle: the folder's other files are safetensors."""
    saved = save_stable_diffusion(folder)
    network = CLIPTextModel.from_pretrained(saved / "text_encoder")
    (saved / "text_encoder" / "model.safetensors").unlink()
    torch.save(network.state_dict(), saved / "text_encoder" / "pytorch_model.bin")
    return saved


def save_flux(folder: Path) -> Path:
    """Save a FluxPipeline with a transformer of one block of each kind, and return its folder."""
    torch.manual_seed(0)
    transformer = FluxTransformer2DModel(
        patch_size=1,
        in_channels=4,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=WIDTH,
        pooled_projection_dim=WIDTH,
        axes_dims_rope=(4, 4, 8),
    )
    vae = AutoencoderKL(
        block_out_channels=(8,),
        norm_num_groups=4,
        latent_channels=1,
        use_quant_conv=False,
        use_post_quant_conv=False,
        shift_factor=0.1,
        scaling_factor=0.3,
    )
    t5 = T5Config(d_model=WIDTH, d_ff=16, d_kv=8, num_layers=1, num_heads=2, vocab_size=64)
    pipeline = FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=vae,
        text_encoder=CLIPTextModel(clip_text_config()),
        tokenizer=clip_tokenizer(folder / "vocabulary"),
        text_encoder_2=T5EncoderModel(t5),
        tokenizer_2=t5_tokenizer(),
        transformer=transformer,
    )
    pipeline.save_pretrained(folder / "flux")
    return folder / "flux"


def t5_tokenizer() -> T5TokenizerFast:
    """Return T5's tokenizer with a vocabulary of single letters."""
    letters = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("\u2581", -2.0)]
    letters += [(chr(code), -3.0) for code in range(ord("a"), ord("z") + 1)]
    unigram = Tokenizer(Unigram(letters, unk_id=2, byte_fallback=False))
    return T5TokenizerFast(tokenizer_object=unigram, extra_ids=0, model_max_length=16)


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


def save_segformer(folder: Path) -> Path:
    """Save a Segformer that tells background from object, in this order, and return its folder."""
    return _save_segformer(folder, ["LABEL_0", "LABEL_1"])


def save_segformer_of_one_class(folder: Path) -> Path:
    """Save one whose only answer is the object."""
    return _save_segformer(folder, ["object"])


def save_segformer_of_named_classes(folder: Path) -> Path:
    """Save one whose background is its second class, as its name says."""
    return _save_segformer(folder, ["cat", "Background", "dog"])


def save_segformer_of_things(folder: Path) -> Path:
    """Save one that tells things apart and knows no background."""
    return _save_segformer(folder, ["cat", "dog", "sky"])


def _save_segformer(folder: Path, labels: list[str]) -> Path:
    torch.manual_seed(1)
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
        id2label=dict(enumerate(labels)),
        label2id={label: place for place, label in enumerate(labels)},
    )
    model = SegformerForSemanticSegmentation(config)
    with torch.no_grad():  # sharp answers: an untrained network says "perhaps" of every pixel
        model.decode_head.classifier.weight.mul_(1e4)
    model.save_pretrained(folder)
    size = {"height": 64, "width": 64}
    described = {"image_processor_type": "SegformerImageProcessor", "size": size}
    (folder / "preprocessor_config.json").write_text(json.dumps(described))
    return folder
