"""The generation server's route from words by a picture to a model."""

from pydantic import Field

from trellis_assets.domain.generation_requests import Route
from trellis_assets.domain.picture_route import PROMPT_TEMPLATE, Background, MemoryProfile
from trellis_assets.settings.base import SettingsGroup
from trellis_assets.settings.choices import PictureDtype
from trellis_assets.settings.field_types import Commit, OptionalText, PictureSide, PromptTemplate


class PictureRouteSettings(SettingsGroup):
    """How the generation server makes a picture of words, and cuts the object out of it."""

    server_route: Route = Field(
        Route.DIRECT, description="How our server makes models of words where a request does not say it."
    )
    server_picture_model: str = Field(
        "", description="Text-to-image pipeline of diffusers: hub name or folder; empty: no picture route."
    )
    server_picture_revision: OptionalText = Field(
        None,
        description="Commit of its repository; default: recorded at the first download.",
    )
    server_picture_dtype: PictureDtype = Field(
        PictureDtype.AUTO,
        description="Number format that it computes with; auto: bfloat16 where the GPU supports it.",
    )
    server_picture_steps: int = Field(8, ge=1, le=200, description="Sampling steps of a picture.")
    server_picture_guidance: float = Field(
        3.5, ge=0, le=100, description="Guidance of a picture; a request's guidance_scale overrides it."
    )
    server_picture_width: PictureSide = Field(1024, description="Pixels; a multiple of 16.")
    server_picture_height: PictureSide = Field(1024, description="Pixels; a multiple of 16.")
    server_picture_prompt: PromptTemplate = Field(
        PROMPT_TEMPLATE, description="Prompt of the picture model; {prompt} stands for the task's words."
    )
    server_picture_negative: OptionalText = Field(
        None, max_length=1000, description="What pictures must not show, where the pipeline takes it."
    )
    server_background: Background = Field(
        Background.WHITE, description="How the object is cut out of its picture."
    )
    server_background_model: str = Field(
        "", description="rembg: name of its network (u2net); segmentation: hub name or folder."
    )
    server_background_revision: OptionalText = Field(
        None,
        description="Commit of the segmentation model's repository; default: recorded at the first download.",
    )
    server_background_code: Commit = Field(
        None,
        description="Commit of the segmentation model's repository whose Python code may run in our "
        "server, with all that it may do there; default: no such code runs.",
    )
    server_memory: MemoryProfile = Field(
        MemoryProfile.AUTO, description="GB of GPU memory that the route is laid out for."
    )
