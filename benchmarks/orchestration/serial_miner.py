"""The subnet's reference miner, written from its behaviour: one worker per generation endpoint.

A worker pulls a task, generates, submits, waits for the feedback, and starts again. It keeps no store and
loses its task when it dies. Left out: the preference for the subnet owner's hotkey, which is not here, and
packing the model, since the benchmark's server answers with a packed one.
"""

import argparse
import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

import aiohttp

from trellis_assets.adapters.bittensor.client import BittensorNetwork
from trellis_assets.domain.submissions import SubmissionKind
from trellis_assets.domain.tasks import PulledTask, Task, TaskState, prompt_hash
from trellis_assets.domain.validators import Validator
from trellis_assets.ports import CoolingDown, NotRegistered, TaskAssigned
from trellis_assets.settings import Settings
from trellis_assets.system.clock import SystemClock

OWN_COOLDOWN_S = 300
NOBODY_IS_DUE_S = 10
MIN_STAKE = 1000
GENERATION_TIMEOUT_S = 300


@dataclass
class Choice:
    """Which validator is polled next: the scan continues after the last one found."""

    validators: list[Validator]
    next_index: int = 0
    cooldowns: dict[str, float] = field(default_factory=dict)

    def next_validator(self) -> Validator | None:
        """Return the next validator that serves, has the stake and is not cooling down."""
        now, count = time.time(), len(self.validators)
        for step in range(count):
            index = (self.next_index + step) % count
            found = self.validators[index]
            is_ready = self.cooldowns.get(found.hotkey, 0.0) < now
            if found.is_serving and found.stake >= MIN_STAKE and is_ready:
                self.next_index = index
                return found
        return None

    def rest(self, validator: Validator, until: float | None = None) -> None:
        """Leave the validator alone until then, by default for five minutes."""
        self.cooldowns[validator.hotkey] = time.time() + OWN_COOLDOWN_S if until is None else until


async def work(endpoint: str, choice: Choice, network: BittensorNetwork) -> None:
    """Work as one worker, for ever."""
    while True:
        validator = choice.next_validator()
        if validator is None:
            await asyncio.sleep(NOBODY_IS_DUE_S)
            continue
        choice.rest(validator)  # so that no other worker picks it
        answer = await network.pull(validator)
        if isinstance(answer, TaskAssigned):
            await answer_task(answer.task, validator, endpoint, choice, network)
        elif isinstance(answer, CoolingDown | NotRegistered):
            choice.rest(validator, answer.until.timestamp())
        else:
            choice.rest(validator)


async def answer_task(
    pulled: PulledTask, validator: Validator, endpoint: str, choice: Choice, network: BittensorNetwork
) -> None:
    """Send the validator a model, or an empty result when none could be made."""
    spz = await generate(endpoint, pulled.prompt)
    kind = SubmissionKind.RESULT if spz else SubmissionKind.HAND_BACK
    task = as_task(pulled, validator, network.miner_hotkey)
    answer = await network.submit(validator, task=task, kind=kind, spz=spz)
    if answer.feedback is None:
        choice.rest(validator)
    else:
        choice.rest(validator, answer.cooldown_until.timestamp() if answer.cooldown_until else 0.0)


async def generate(endpoint: str, prompt: str) -> bytes:
    """Return the model's bytes; none after any failure."""
    timeout = aiohttp.ClientTimeout(total=GENERATION_TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(f"{endpoint}/generate/", data={"prompt": prompt}) as response,
        ):
            response.raise_for_status()
            return await response.read()
    except (aiohttp.ClientError, TimeoutError):
        return b""


def as_task(pulled: PulledTask, validator: Validator, miner_hotkey: str) -> Task:
    """Return what the network adapter signs and sends."""
    return Task(
        key=0,
        task_id=pulled.task_id,
        miner_hotkey=miner_hotkey,
        validator_uid=validator.uid,
        validator_hotkey=validator.hotkey,
        validator_stake=validator.stake,
        kind=pulled.kind,
        prompt=pulled.prompt,
        prompt_sha256=prompt_hash(pulled.prompt),
        validation_threshold=pulled.validation_threshold,
        throttle_s=pulled.throttle_s,
        pulled_at=datetime.now(UTC),
        state=TaskState.PULLED,
    )


async def main() -> None:
    """Run all workers until the process is ended."""
    settings = Settings.load()
    network = BittensorNetwork(settings, SystemClock())
    choice = Choice(sorted(network.metagraph(), key=lambda validator: validator.uid))
    async with asyncio.TaskGroup() as workers:
        for endpoint in settings.generation.generator_urls:
            workers.create_task(work(endpoint, choice, network))


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    asyncio.run(main())
