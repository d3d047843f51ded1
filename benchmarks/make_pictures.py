"""Make the image prompts that the project ships: pictures of the embedded generator's own models."""

from pathlib import Path

import numpy as np
from PIL import Image

from trellis_assets.adapters.generation.embedded.generator import EmbeddedGenerator
from trellis_assets.adapters.rendering.pictures import preview
from trellis_assets.domain.tasks import TaskKind

SIDE = 256
PROMPTS = {
    "vase": "red vase with gold rim",
    "sailboat": "blue sailboat with white sails",
    "teapot": "green striped teapot",
    "mushroom": "red mushroom with white spots",
    "house": "yellow house with brown roof",
    "robot": "silver robot figure",
    "guitar": "orange guitar",
    "fish": "purple fish with yellow fins",
}


def main() -> None:
    """Write each picture into the package."""
    folder = Path(__file__).parents[1] / "trellis_assets" / "resources" / "pictures"
    folder.mkdir(exist_ok=True)
    for name, prompt in PROMPTS.items():
        model = EmbeddedGenerator().generate(prompt, kind=TaskKind.TEXT, seed=1, endpoint="embedded")
        picture = Image.fromarray(np.asarray(preview(model))).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        picture.save(folder / f"{name}.webp", quality=90)


if __name__ == "__main__":
    main()
