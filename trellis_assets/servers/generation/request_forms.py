"""What callers may send to `/generate/`, checked before anything is made of it."""

import base64
import secrets
from typing import Annotated, Any

from fastapi import HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from starlette.datastructures import UploadFile

from trellis_assets.adapters.prompt_images import PromptImageError, decode_prompt_image
from trellis_assets.domain.endpoints.faults import FAULT_HEADER, PROMPT_FAULT
from trellis_assets.domain.generation_requests import (
    MAX_IMAGE_CHARACTERS,
    MAX_PROMPT,
    GenerationRequest,
    Route,
    Sampling,
)
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.system.compat import Self

MAX_SEED = 2**31 - 1
# A picture of 6 MB, as base64.
_FIELDS_AT_MOST = 32
IMAGE_FIELD = "prompt_image"
# What other servers of this route call an uploaded picture.
_FILE_FIELDS = {"prompt_image_file": IMAGE_FIELD}
_PROMPT_FAULT = {FAULT_HEADER: PROMPT_FAULT}

Steps = Annotated[int | None, Field(ge=1, le=200)]
Guidance = Annotated[float | None, Field(ge=0, le=100, allow_inf_nan=False)]


class GenerationForm(BaseModel):
    """The form of PROTOCOL 7, and `prompt_image` besides. Exactly one of the two prompts."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    prompt: str | None = Field(None, max_length=MAX_PROMPT, description="Words.")
    prompt_image: str | None = Field(
        None,
        max_length=MAX_IMAGE_CHARACTERS,
        description="A PNG, JPEG or WebP picture: its base64 text, or an uploaded file, which may be called "
        "prompt_image_file too.",
    )
    seed: int | None = Field(None, ge=0, le=MAX_SEED, description="Default: a random one.")
    return_compressed: bool = Field(True, description="SPZ in a zstd frame; else PLY.")
    route: Route | None = Field(
        None, description="Of words: direct, or picture (words, picture, model). Default: the server's own."
    )
    guidance_scale: Guidance = Field(None, description="Of the picture, on the picture route.")
    ss_guidance_strength: Guidance = Field(None, description="Of the sparse structure's sampler.")
    ss_sampling_steps: Steps = Field(None, description="Of the sparse structure's sampler.")
    slat_guidance_strength: Guidance = Field(None, description="Of the structured latent's sampler.")
    slat_sampling_steps: Steps = Field(None, description="Of the structured latent's sampler.")

    @model_validator(mode="after")
    def _one_prompt(self) -> Self:
        if bool(self.prompt and self.prompt.strip()) == bool(self.prompt_image):
            raise ValueError("wants either prompt (words) or prompt_image (a picture), and not both")
        return self

    def generation_request(self) -> GenerationRequest:
        """Return the generation request; its seed is random where none was given.

        Raises:
            PromptImageError: the picture cannot be read.
        """
        if self.prompt_image:
            decode_prompt_image(self.prompt_image, max_side=64)
        sampling = Sampling(
            ss_steps=self.ss_sampling_steps,
            ss_guidance=self.ss_guidance_strength,
            slat_steps=self.slat_sampling_steps,
            slat_guidance=self.slat_guidance_strength,
            image_guidance=self.guidance_scale,
        )
        return GenerationRequest(
            prompt=self.prompt_image or self.prompt or "",
            kind=TaskKind.IMAGE if self.prompt_image else TaskKind.TEXT,
            seed=secrets.randbelow(MAX_SEED + 1) if self.seed is None else self.seed,
            sampling=sampling,
            route=None if self.prompt_image else self.route,
        )


async def read_form(request: Request) -> tuple[GenerationRequest, bool]:
    """Return the generation request in the form, and whether its model is to be compressed.

    Raises:
        HTTPException: 422 with the reasons, or 400 where the body is no form.
    """
    async with request.form(
        max_files=1, max_fields=_FIELDS_AT_MOST, max_part_size=MAX_IMAGE_CHARACTERS
    ) as sent:
        fields = {_FILE_FIELDS.get(name, name): await _text(value) for name, value in sent.items()}
    try:
        form = GenerationForm.model_validate({name: value for name, value in fields.items() if value != ""})
        return form.generation_request(), form.return_compressed
    except ValidationError as error:
        reasons = error.errors(include_url=False, include_context=False, include_input=False)
        # Of the form's own errors only those of the prompt are the prompt's; others are the caller's.
        is_of_prompt = all(reason["loc"][:1] in {("prompt",), (IMAGE_FIELD,)} for reason in reasons)
        raise HTTPException(422, reasons, headers=_PROMPT_FAULT if is_of_prompt else None) from None
    except PromptImageError as error:
        raise HTTPException(422, str(error), headers=_PROMPT_FAULT) from None


async def _text(value: UploadFile | str) -> str:
    if isinstance(value, str):
        return value
    return base64.b64encode(await value.read()).decode("ascii")


def form_in_openapi() -> dict[str, Any]:
    """Return the form's schema for OpenAPI: the route reads it by hand."""
    schema = GenerationForm.model_json_schema()
    types = ("application/x-www-form-urlencoded", "multipart/form-data")
    return {"requestBody": {"required": True, "content": {name: {"schema": schema} for name in types}}}
