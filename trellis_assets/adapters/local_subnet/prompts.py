"""What the local validators ask for: prompts from a file, repeated now and then."""

import random
import uuid
from collections.abc import Sequence

# How often a validator asks again for something it has asked before.
REPEATED = 0.15
REMEMBERED = 20


class PromptSource:
    """Tasks with prompts from a list; the same seed gives the same prompts."""

    def __init__(self, prompts: Sequence[str], seed: int, repeated: float = REPEATED) -> None:
        self._prompts = list(prompts)
        self._random = random.Random(seed)
        self._repeated = repeated
        self._asked: list[str] = []

    def next_task(self) -> dict[str, str]:
        """A text task as it goes on the wire."""
        if self._asked and self._random.random() < self._repeated:
            prompt = self._random.choice(self._asked)
        else:
            prompt = self._random.choice(self._prompts)
        self._asked = [*self._asked, prompt][-REMEMBERED:]
        return {"type": "text", "id": str(uuid.uuid4()), "prompt": prompt}
