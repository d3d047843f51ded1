"""What the local validators ask for: prompts from a file, repeated now and then."""

import random
import uuid
from collections.abc import Sequence
from typing import Protocol

# How often a validator asks again for something it has asked before.
REPEATED = 0.15
REMEMBERED = 20
# Share of image tasks among new ones, about what the subnet's validators ask for.
PICTURES = 0.2


class TaskSource(Protocol):
    """What a validator asks for."""

    def next_task(self) -> dict[str, str]:
        """Return a task as it is sent."""
        ...


class PromptSource:
    """Tasks with prompts from a list; the same seed gives the same prompts."""

    def __init__(
        self,
        prompts: Sequence[str],
        seed: int,
        *,
        pictures: Sequence[str] = (),
        repeated: float = REPEATED,
    ) -> None:
        """Take the prompts.

        Args:
            prompts: texts.
            seed: of the choices.
            pictures: image prompts as they go on the wire; none are asked for without.
            repeated: share of tasks that were asked for before.
        """
        self._prompts, self._pictures = list(prompts), list(pictures)
        self._random = random.Random(seed)
        self._repeated = repeated
        self._asked: list[tuple[str, str]] = []

    def next_task(self) -> dict[str, str]:
        """Return a task as it is sent."""
        if self._asked and self._random.random() < self._repeated:
            kind, prompt = self._random.choice(self._asked)
        elif self._pictures and self._random.random() < PICTURES:
            kind, prompt = "image", self._random.choice(self._pictures)
        else:
            kind, prompt = "text", self._random.choice(self._prompts)
        self._asked = [*self._asked, (kind, prompt)][-REMEMBERED:]
        return {"type": kind, "id": str(uuid.uuid4()), "prompt": prompt}
