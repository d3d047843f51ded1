"""Record what the subnet's own scoring engine says of the small networks and views of our tests.

In our environment, as a module: `… record_reference prepare DIR` writes weights, views and prompts.
Then, as a file with a Python that has what the engine imports: `… record_reference.py measure DIR
--service CHECKOUT/validation` writes `DIR/reference.json`, which replaces the file beside this script.

The engine is run as it is but for this: its weights come from DIR, its views from our renderer (its own
needs a GPU), and it computes on the CPU, uncompiled, in single precision, since half differs from one
processor to the next.
"""

import argparse
import base64
import contextlib
import io
import json
import math
import platform
import sys
from pathlib import Path
from typing import Any
from unittest import mock

PROMPTS = ("a red ball", "a blue boat", "Büste eines Mannes, “bronze” & marble — 2 pieces")


def prepare(folder: Path) -> None:
    """Write weights, views and prompts."""
    import numpy as np

    from trellis_assets.adapters.rendering.pictures import validator_views
    from trellis_assets.adapters.splat_io.spz import decode_spz, encode_spz
    from trellis_assets.testing.splats import a_ball
    from trellis_assets_tests.adapters.validation.neural import cases
    from trellis_assets_tests.adapters.validation.neural.open_clip_weights import write_open_clip_weights

    write_open_clip_weights(folder / "weights")
    np.save(folder / "views.npy", validator_views(decode_spz(encode_spz(a_ball()))))
    prompts = {"words": list(PROMPTS), "pictures": cases.pictures()}
    (folder / "prompts.json").write_text(json.dumps(prompts), encoding="utf-8")


def measure(folder: Path, service: Path) -> None:
    """Write the engine's parts for every prompt."""
    import numpy as np
    import torch

    sys.path.insert(0, str(service))
    with _weights_of(folder / "weights"), _on_the_cpu_in_single_precision():
        from engine.utils.gs_data_checker_utils import add_white_background
        from engine.validation_engine import ValidationEngine
        from PIL import Image

        engine = ValidationEngine()
        engine.load_pipelines()
        views = [torch.from_numpy(view) for view in np.load(folder / "views.npy")]
        prompts = json.loads((folder / "prompts.json").read_text("utf-8"))
        found = {}
        for prompt in prompts["words"]:
            found[f"words: {prompt}"] = _parts(engine.validate_text_to_gs(prompt, views))
        for name, prompt in prompts["pictures"].items():
            picture = Image.open(io.BytesIO(base64.b64decode(prompt)))
            if len(picture.getbands()) == 4:
                picture = add_white_background(picture)
            pixels = torch.from_numpy(np.array(picture.convert("RGB")))
            found[f"picture: {name}"] = _parts(engine.validate_image_to_gs(pixels, views))
    made_by = {name: _version(name) for name in ("torch", "torchvision", "transformers", "open_clip_torch")}
    made_by |= {name: _version(name) for name in ("torchmetrics", "pytod", "pillow")}
    made_by |= {"python": platform.python_version(), "machine": platform.machine()}
    text = json.dumps({"made_by": made_by, "parts": found}, indent=1, ensure_ascii=False)
    (folder / "reference.json").write_text(text + "\n", encoding="utf-8")


def _parts(answer: Any) -> dict[str, float | None]:
    """Return the numbers; None for NaN."""
    parts = {name: getattr(answer, name) for name in ("score", "iqa", "alignment", "ssim", "lpips")}
    return {name: None if math.isnan(value) else round(value, 7) for name, value in parts.items()}


@contextlib.contextmanager
def _weights_of(folder: Path) -> Any:
    """Give the engine our files where it asks its hubs."""
    import open_clip
    import torch
    import torchvision
    import transformers

    transformers.logging.set_verbosity_error()  # of the text tower, which the files have not
    names = (folder / "open_clip_architecture.txt").read_text().strip()
    open_clip.add_model_config(folder / f"{names}.json")
    make, head = open_clip.create_model_and_transforms, folder / "quality_scorer.safetensors"
    backbone = transformers.Dinov2Model.from_pretrained(folder / "dinov2-small")
    features = torch.load(next((folder / "torch-hub" / "checkpoints").iterdir()), weights_only=True)

    def alexnet(*_: Any, **__: Any) -> Any:
        return features | {k: v for k, v in bare.state_dict().items() if not k.startswith("features.")}

    bare = torchvision.models.alexnet(weights=None)
    clip = transformers.CLIPModel.from_pretrained(folder / "LLM2CLIP-Openai-L-14-336")
    with (
        mock.patch(
            "open_clip.create_model_and_transforms",
            lambda _, **options: make(
                names, **options | {"pretrained": str(folder / "open_clip_model.safetensors")}
            ),
        ),
        mock.patch("open_clip.get_tokenizer", return_value=open_clip.SimpleTokenizer()),
        mock.patch("transformers.AutoModel.from_pretrained", return_value=clip),
        mock.patch("transformers.Dinov2Model.from_pretrained", return_value=backbone),
        mock.patch("huggingface_hub.hf_hub_download", return_value=str(head)),
        mock.patch("torchvision.models._api.load_state_dict_from_url", alexnet),
        mock.patch("torch.compile", lambda model, **_: model),
    ):
        yield


@contextlib.contextmanager
def _on_the_cpu_in_single_precision() -> Any:
    import torch

    with (
        mock.patch("torch.float16", torch.float32),
        # Its outlier filter moves to a GPU whatever it is told.
        mock.patch("torch.Tensor.cuda", lambda tensor: tensor),
        mock.patch("torch.amp.autocast", return_value=contextlib.nullcontext()),
    ):
        yield


def _version(name: str) -> str:
    from importlib.metadata import version

    return version(name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=("prepare", "measure"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--service", type=Path)
    given = parser.parse_args()
    if given.action == "prepare":
        prepare(given.folder)
    else:
        measure(given.folder, given.service)
