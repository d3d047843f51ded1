"""What callers of the scoring service send (PROTOCOL 6.1), both shapes, checked before use."""

import base64
import binascii
from typing import Annotated

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from trellis_assets.adapters.splat_io.errors import SplatFormatError
from trellis_assets.adapters.splat_io.frames import open_frame
from trellis_assets.adapters.splat_io.ply import read_ply
from trellis_assets.adapters.splat_io.spz import decode_spz
from trellis_assets.domain.generation_requests import MAX_IMAGE_CHARACTERS, MAX_PROMPT
from trellis_assets.domain.splats.splats import GaussianSplats

# The service allows as many; a bare PLY of five million splats.
MAX_DATA_CHARACTERS = 524_288_000
MAX_PLY_BYTES = 400_000_000
RAW_PLY = 0


class ModelInRequest(BaseModel):
    """A model, and the words it was made from."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    prompt: str | None = Field(None, max_length=MAX_PROMPT)
    data: str = Field(max_length=MAX_DATA_CHARACTERS, description="The model's file as base64.")
    compression: int = Field(RAW_PLY, description="0 PLY, 1 PLY in a zstd frame, 2 SPZ.")

    def splats(self) -> GaussianSplats:
        """Return the model.

        Raises:
            SplatFormatError: not base64, of an unknown compression, or no model.
        """
        try:
            data = base64.b64decode(self.data, validate=True)
        except (binascii.Error, ValueError) as error:
            raise SplatFormatError(f"the data is not base64: {error}") from error
        match self.compression:
            case 0:
                return read_ply(data)
            case 1:
                return read_ply(open_frame(data).read_all(MAX_PLY_BYTES))
            case 2:
                return decode_spz(data)
            case other:
                raise SplatFormatError(f"compression {other} is not 0 (PLY), 1 (zstd PLY) or 2 (SPZ)")


class ScoreRequest(ModelInRequest):
    """A model to score, with the flags of 2.4 and of 2.0."""

    prompt_image: str | None = Field(None, max_length=MAX_IMAGE_CHARACTERS)
    generate_single_preview: Annotated[
        bool, Field(validation_alias=AliasChoices("generate_single_preview", "generate_preview"))
    ] = False
    generate_grid_preview: bool = False
    preview_score_threshold: float = Field(0.6, allow_inf_nan=False)


class ScoreAnswer(BaseModel):
    """The service's answer. `detail` is ours besides: why the score is zero."""

    score: float = 0.0
    iqa: float = 0.0
    alignment_score: float = 0.0
    ssim: float = 0.0
    lpips: float = 0.0
    preview: str | None = None
    grid_preview: str | None = None
    detail: str | None = None
    parts: dict[str, float] = Field(default_factory=dict)
