"""The subnet's wire models. Class and field names ARE the protocol (PROTOCOL 1.1)."""

import uuid
from typing import Literal

from pydantic import BaseModel, Field, model_validator

from trellis_assets.adapters.bittensor.import_guard import bt

COMPRESSION_SPZ = 2


def _fresh_id() -> str:
    return str(uuid.uuid4())


class TextTask(BaseModel):
    """A task whose prompt is words. Older validators leave `type` out."""

    type: Literal["text"] = "text"
    id: str = Field(default_factory=_fresh_id)
    prompt: str = ""


class ImageTask(BaseModel):
    """A task whose prompt is the base64 text of an image file."""

    type: Literal["image"] = "image"
    id: str = Field(default_factory=_fresh_id)
    prompt: str = ""


ProtocolTask = TextTask | ImageTask


class Feedback(BaseModel):
    """What a validator says of a result. Older validators have no duel rating."""

    validation_failed: bool = False
    task_fidelity_score: float = 0.0
    average_fidelity_score: float = 0.0
    generations_within_the_window: int = 0
    current_duel_rating: float = 0.0
    current_miner_reward: float = 0.0


class PullTask(bt.Synapse):  # type: ignore[misc]
    """Miner sends the defaults, validator fills them."""

    task: TextTask | ImageTask | None = None
    validation_threshold: float = 0.6
    throttle_period: int = 0
    cooldown_until: int = 0
    cooldown_violations: int = 0


class SubmitResults(bt.Synapse):  # type: ignore[misc]
    """A signed result; validator fills feedback and cooldown, and blanks what was sent."""

    task: TextTask | ImageTask | None = None
    task_id: str = ""
    results: str
    data_format: str = "ply"
    data_ver: int = 0
    compression: int = COMPRESSION_SPZ
    submit_time: int
    signature: str
    feedback: Feedback | None = None
    cooldown_until: int = 0

    @model_validator(mode="after")
    def _take_id_from_task(self) -> "SubmitResults":
        if not self.task_id and self.task is not None:
            self.task_id = self.task.id
        return self


class GetVersion(bt.Synapse):  # type: ignore[misc]
    """Which validator and which scoring service answer."""

    version: int = 0
    validation_version: str = ""
