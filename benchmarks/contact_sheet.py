"""A contact sheet of the embedded generator's models, each with what the parser found in its prompt.

The prompts themselves are not printed: they may be somebody else's.
"""

import argparse
import random
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from trellis_assets.adapters.generation.embedded.generator import EmbeddedGenerator
from trellis_assets.adapters.generation.embedded.prompt_parser import Design, read_prompt
from trellis_assets.adapters.generation.embedded.vocabulary import load_vocabulary
from trellis_assets.adapters.prompt_lists import read_prompts
from trellis_assets.adapters.rendering.pictures import render
from trellis_assets.domain.splats.cameras import preview_camera
from trellis_assets.domain.splats.preparation import prepare_for_submission
from trellis_assets.domain.splats.scenes import as_validators_see
from trellis_assets.domain.tasks import TaskKind

SIDE, CAPTION, COLUMNS = 256, 34, 6


def caption(design: Design) -> str:
    """Return object, colours and material in two lines."""
    names = {value: name for name, value in reversed(load_vocabulary().colours.items())}
    colours = [names.get(colour, "") for colour in (design.main, design.second)]
    pattern = f", {design.pattern}" if design.pattern else ""
    return f"{design.shape.name}, {design.material.name}{pattern}\n{' and '.join(c for c in colours if c)}"


def sheet(prompts: list[str]) -> Image.Image:
    """Draw the models of the prompts in rows of `COLUMNS`."""
    rows = -(-len(prompts) // COLUMNS)
    page = Image.new("RGB", (COLUMNS * SIDE, rows * (SIDE + CAPTION)), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(13)
    generator, camera = EmbeddedGenerator(), preview_camera(SIDE)
    for number, prompt in enumerate(prompts):
        made = generator.generate(prompt, kind=TaskKind.TEXT, seed=1, endpoint="embedded")
        picture = render(as_validators_see(prepare_for_submission(made).splats), [camera])[0]
        corner = (number % COLUMNS * SIDE, number // COLUMNS * (SIDE + CAPTION))
        page.paste(Image.fromarray(picture), corner)
        text = caption(read_prompt(prompt, load_vocabulary()))
        draw.multiline_text((corner[0] + 6, corner[1] + SIDE), text, fill="#444", font=font, spacing=1)
    return page


def main() -> None:
    """Write the sheet to the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=Path, help="one per line; default: the shipped ones")
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--seed", type=int, default=404, help="of the choice of prompts")
    parser.add_argument("--out", type=Path, default=Path("contact-sheet.png"))
    chosen = parser.parse_args()
    prompts = read_prompts(chosen.prompts)
    picked = random.Random(chosen.seed).sample(prompts, min(chosen.count, len(prompts)))
    sheet(picked).save(chosen.out, optimize=True)


if __name__ == "__main__":
    main()
