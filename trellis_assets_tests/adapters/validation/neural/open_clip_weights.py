"""The small networks with a text network that OpenCLIP itself can build, and its own vocabulary."""

import json
from pathlib import Path

from trellis_assets_tests.adapters.validation import small_networks

ARCHITECTURE = "small_convnext_d"
# As `convnext_large_d` in everything but its sizes; timm has no smaller one with linear MLPs.
CONFIGURATION = {
    "embed_dim": 8,
    "vision_cfg": {
        "timm_model_name": "convnext_tiny",
        "timm_model_pretrained": False,
        "timm_pool": "",
        "timm_proj": "mlp",
        "timm_drop": 0.0,
        "timm_drop_path": 0.1,
        "image_size": 256,
    },
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 128, "heads": 2, "layers": 2},
}
SHAPES = small_networks.clip_shapes(
    depths=(3, 3, 9, 3), channels=(96, 192, 384, 768), width=128, layers=2, vocabulary=49408, embed=8
)


def write_open_clip_weights(folder: Path) -> None:
    """Write all files of `weights.LAYOUT`, and the architecture for OpenCLIP."""
    from open_clip import SimpleTokenizer

    small_networks.write_weights(folder, SHAPES)
    ranks = SimpleTokenizer().bpe_ranks
    small_networks.write_tokenizer(folder, sorted(ranks, key=ranks.__getitem__))
    (folder / f"{ARCHITECTURE}.json").write_text(json.dumps(CONFIGURATION))
    (folder / "open_clip_architecture.txt").write_text(ARCHITECTURE)
