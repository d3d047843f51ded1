"""The subnet's text and picture network, `convnext_large_d` of OpenCLIP, by `transformers`' own classes.

The published file names its tensors as OpenCLIP does. OpenCLIP itself needs a torchvision built for
exactly the installed torch; `transformers` needs torch alone, so its classes compute here and the
tensors are renamed. `trellis_assets_tests/neural` compares both on the same weights.
"""

import html
import re
from collections.abc import Mapping
from typing import Any

CONTEXT = 77
_PADDING = 0
# Channels of a text tower's attention head.
_HEAD_WIDTH = 64

# OpenCLIP's name, as a pattern, and ours.
_VISION_NAMES = (
    (r"stem\.0\.", "embeddings.patch_embeddings."),
    (r"stem\.1\.", "embeddings.layernorm."),
    (r"stages\.(\d+)\.downsample\.(\d)\.", r"encoder.stages.\1.downsampling_layer.\2."),
    (r"stages\.(\d+)\.blocks\.(\d+)\.gamma", r"encoder.stages.\1.layers.\2.layer_scale_parameter"),
    (r"stages\.(\d+)\.blocks\.(\d+)\.conv_dw\.", r"encoder.stages.\1.layers.\2.dwconv."),
    (r"stages\.(\d+)\.blocks\.(\d+)\.norm\.", r"encoder.stages.\1.layers.\2.layernorm."),
    (r"stages\.(\d+)\.blocks\.(\d+)\.mlp\.fc(\d)\.", r"encoder.stages.\1.layers.\2.pwconv\3."),
    (r"head\.norm\.", "layernorm."),
)
_LAYER = r"transformer\.resblocks\.(\d+)\."
_OUR_LAYER = r"text_model.encoder.layers.\1."
_TEXT_NAMES = (
    (r"token_embedding\.", "text_model.embeddings.token_embedding."),
    (r"positional_embedding", "text_model.embeddings.position_embedding.weight"),
    (_LAYER + r"ln_(\d)\.", _OUR_LAYER + r"layer_norm\2."),
    (_LAYER + r"attn\.out_proj\.", _OUR_LAYER + "self_attn.out_proj."),
    (_LAYER + r"mlp\.c_fc\.", _OUR_LAYER + "mlp.fc1."),
    (_LAYER + r"mlp\.c_proj\.", _OUR_LAYER + "mlp.fc2."),
    (r"ln_final\.", "text_model.final_layer_norm."),
)
_FUSED = re.compile(_LAYER + r"attn\.in_proj_(weight|bias)")
_TRUNK, _MLP = "visual.trunk.", "visual.head.mlp."


class TextClip:
    """A picture tower (ConvNeXt) and a text tower whose features can be compared."""

    def __init__(self, file: str, tokenizer: str, device: str) -> None:
        """Load the weights; sizes are those of the stored tensors.

        Args:
            file: safetensors with OpenCLIP's names.
            tokenizer: `tokenizer.json` of the same repository.
            device: as torch names it.

        Raises:
            OSError: a file cannot be read.
            ValueError: a tensor is missing, or unknown, or of another shape.
        """
        from safetensors.torch import load_file
        from tokenizers import Tokenizer

        stored = load_file(file)
        self._vision = _convnext(_below(stored, _TRUNK)).to(device).eval()
        self._head = _mlp(_below(stored, _MLP)).to(device).eval()
        self._text = _text_tower(stored).to(device).eval()
        self._tokenizer, self._device = Tokenizer.from_file(tokenizer), device
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        # The names of special tokens in a prompt are words like others.
        self._tokenizer.encode_special_tokens = True

    def encode_images(self, images: Any) -> Any:
        """Return (V, D) features of normalised pictures (V, 3, H, W)."""
        return self._head(self._vision(images).pooler_output)

    def encode_text(self, prompt: str) -> Any:
        """Return (1, D) features of the prompt; tokens after the 77th are cut off."""
        import torch

        tokens = torch.tensor([self.tokens(prompt)], device=self._device)
        return self._text(input_ids=tokens).text_embeds

    def tokens(self, prompt: str) -> list[int]:
        """Return the 77 token ids of a prompt: start, words, end, zeros."""
        found: list[int] = self._tokenizer.encode(cleaned(prompt)).ids
        if len(found) > CONTEXT:
            found = [*found[: CONTEXT - 1], found[-1]]
        return found + [_PADDING] * (CONTEXT - len(found))


def cleaned(prompt: str) -> str:
    """Return the prompt as OpenCLIP cleans it: typographic quotes, HTML entities and spaces made plain."""
    import ftfy

    plain = html.unescape(html.unescape(ftfy.fix_text(prompt)))
    return " ".join(plain.split()).lower()


def _below(stored: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): value for name, value in stored.items() if name.startswith(prefix)}


def _renamed(stored: Mapping[str, Any], names: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    renamed = {}
    for name, value in stored.items():
        for pattern, ours in names:
            if re.match(pattern, name):
                renamed[re.sub(pattern, ours, name, count=1)] = value
                break
    return renamed


def _convnext(stored: Mapping[str, Any]) -> Any:
    from transformers import ConvNextConfig, ConvNextModel

    depths: dict[int, int] = {}
    for name in stored:
        if found := re.match(r"stages\.(\d+)\.blocks\.(\d+)\.", name):
            stage, block = map(int, found.groups())
            depths[stage] = max(depths.get(stage, 0), block + 1)
    config = ConvNextConfig(
        depths=[depths[stage] for stage in sorted(depths)],
        hidden_sizes=[_shape(stored, f"stages.{s}.blocks.0.conv_dw.weight")[0] for s in sorted(depths)],
        num_stages=len(depths),
        patch_size=_shape(stored, "stem.0.weight")[-1],
        layer_norm_eps=1e-6,  # timm's; transformers' own default is smaller
    )
    return load_exactly(ConvNextModel(config), _renamed(stored, _VISION_NAMES))


def _mlp(stored: Mapping[str, Any]) -> Any:
    """Return the projection after the trunk: linear, GELU, linear without bias."""
    from torch import nn

    hidden, channels = _shape(stored, "fc1.weight")
    names = {"fc1": "0", "fc2": "2"}
    layers = nn.Sequential(
        nn.Linear(channels, hidden),
        nn.GELU(),
        nn.Linear(hidden, _shape(stored, "fc2.weight")[0], bias="fc2.bias" in stored),
    )
    return load_exactly(layers, {f"{names[n.split('.')[0]]}.{n.split('.')[1]}": v for n, v in stored.items()})


def _text_tower(stored: Mapping[str, Any]) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    vocabulary, width = _shape(stored, "token_embedding.weight")
    heads = max(1, width // _HEAD_WIDTH)
    layers = [int(found[1]) for name in stored if (found := re.match(_LAYER, name))]
    config = CLIPTextConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=_shape(stored, "transformer.resblocks.0.mlp.c_fc.weight")[0],
        num_hidden_layers=max(layers, default=-1) + 1,
        num_attention_heads=heads,
        max_position_embeddings=_shape(stored, "positional_embedding")[0],
        projection_dim=_shape(stored, "text_projection")[1],
        hidden_act="gelu",
        eos_token_id=2,  # transformers' word for "the largest id ends the prompt", as OpenCLIP finds it
    )
    renamed = _renamed(stored, _TEXT_NAMES)
    for name, value in stored.items():
        if found := _FUSED.match(name):
            for part, third in zip("qkv", value.chunk(3), strict=True):
                layer = re.sub(_LAYER + ".*", _OUR_LAYER, name)
                renamed[f"{layer}self_attn.{part}_proj.{found[2]}"] = third.contiguous()
    renamed["text_projection.weight"] = stored["text_projection"].T.contiguous()
    return load_exactly(CLIPTextModelWithProjection(config), renamed)


def _shape(stored: Mapping[str, Any], name: str) -> tuple[int, ...]:
    if name not in stored:
        raise ValueError(f"the weights lack {name!r}; they have {sorted(stored)[:8]}")
    return tuple(stored[name].shape)


def load_exactly(module: Any, tensors: Mapping[str, Any]) -> Any:
    """Return the module with these tensors, every one of its own filled and none left over.

    Raises:
        ValueError: names or shapes differ; says which.
    """
    buffers = {name for name, _ in module.named_buffers()}
    wanted = set(module.state_dict())
    missing, unknown = sorted(wanted - buffers - set(tensors)), sorted(set(tensors) - wanted)
    if missing or unknown:
        raise ValueError(f"the weights lack {missing[:8]} and hold unknown {unknown[:8]}")
    try:
        module.load_state_dict(dict(tensors), strict=False)
    except RuntimeError as error:
        raise ValueError(f"the weights do not fit: {error}") from error
    return module
