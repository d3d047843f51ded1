"""How models are generated, and what happens to prompts that were seen before."""

from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar

from pydantic import Field

from trellis_assets.domain.endpoints.orientation import Orientation
from trellis_assets.domain.generation_requests import Route
from trellis_assets.domain.task_policies import GenerationPolicy
from trellis_assets.settings.base import SettingsGroup
from trellis_assets.settings.choices import AUTO_ORIENTATION, DuplicatePolicy, GeneratorBackend
from trellis_assets.settings.errors import SettingsError
from trellis_assets.settings.field_types import Hours, OptionalSecret, Orientations, Seconds, Urls, UserPath


class GenerationSettings(SettingsGroup):
    """How models are generated, and what happens to prompts that were seen before."""

    title: ClassVar[str] = "Generation"

    generator: GeneratorBackend = Field(
        GeneratorBackend.EMBEDDED,
        description="Generation backend: embedded (this process) or http (servers).",
    )
    generator_urls: Urls = Field(
        ("http://127.0.0.1:8096",),
        description="Generation endpoints of the http backend, comma separated; one model at a time each.",
    )
    generator_route: Route | None = Field(
        None, description="Route that generation servers are asked for; default: each server's own."
    )
    generator_orientation: Orientations = Field(
        ("auto",),
        description="Which way up models come: as-is, trellis-ply (from TRELLIS's save_ply), z-up or auto "
        "(found out); one for all servers, or one for each, comma separated.",
    )
    generator_token: OptionalSecret = Field(
        None, description="Token sent to generation servers; default: the server token."
    )
    generation_timeout_s: Seconds = Field(300, description="Longest wait for a generation, in seconds.")
    generation_retries: int = Field(4, ge=0, le=10, description="Retries after a temporary failure.")
    duplicate_policy: DuplicatePolicy = Field(
        DuplicatePolicy.REUSE,
        description="reuse: submit the best earlier result; skip: hand duplicates back.",
    )
    duplicate_window_h: Hours = Field(24, description="Hours in which a prompt counts as seen.")
    recipes_file: UserPath | None = Field(
        None, description="How candidates are made (TOML, see docs/earning.md); default: the shipped recipes."
    )
    prepare_submission: bool = Field(
        True, description="Centre, scale and trim models for the validators' renderer."
    )
    keep_ply: bool = Field(True, description="Keep the PLY of each model beside the submitted SPZ.")

    @property
    def duplicate_window(self) -> timedelta:
        """Return how long a prompt counts as seen."""
        return timedelta(hours=self.duplicate_window_h)

    def policy(self) -> GenerationPolicy:
        """Return how a task is generated."""
        return GenerationPolicy(
            reuse_duplicates=self.duplicate_policy is DuplicatePolicy.REUSE,
            duplicate_window=self.duplicate_window,
            retries=self.generation_retries,
            prepare=self.prepare_submission,
            keep_ply=self.keep_ply,
        )

    def orientations(self, endpoints: Sequence[str]) -> dict[str, Orientation | None]:
        """Return which way up the models of each endpoint come; None where that is to be found out.

        Raises:
            SettingsError: neither one orientation nor one for each endpoint.
        """
        named = self.generator_orientation
        if len(named) not in {1, len(endpoints)}:
            raise SettingsError(
                f"TRELLIS_GENERATOR_ORIENTATION names {len(named)} orientations for {len(endpoints)} "
                "servers: name one for all, or one for each in the order of TRELLIS_GENERATOR_URLS"
            )
        each = named * len(endpoints) if len(named) == 1 else named
        return {
            endpoint: None if name == AUTO_ORIENTATION else Orientation(name)
            for endpoint, name in zip(endpoints, each, strict=True)
        }
