"""The subnet over bittensor: pulls, signed submissions, the metagraph."""

import base64
import time
from typing import Any

from trellis_assets.adapters.bittensor import synapses
from trellis_assets.adapters.bittensor.messages import CallFailure, HttpAnswer
from trellis_assets.adapters.bittensor.metagraph import read_metagraph
from trellis_assets.adapters.bittensor.requests import signed_request
from trellis_assets.adapters.bittensor.responses import (
    ANSWER_WITHOUT_PROMPT,
    HTTP_UNAUTHORIZED,
    MAX_PULL_BYTES,
    exchange_of,
    offset_in,
    read_pull,
    read_submission,
)
from trellis_assets.adapters.bittensor.transport import ValidatorTransport
from trellis_assets.adapters.bittensor.wallet import load_hotkey
from trellis_assets.adapters.http_client.response import ResponseBounds
from trellis_assets.domain.clock_offset import TOLERANCE_S
from trellis_assets.domain.metagraph import Metagraph
from trellis_assets.domain.submissions import SubmissionKind, signed_message
from trellis_assets.domain.tasks import Task, TaskKind
from trellis_assets.domain.validators import Validator
from trellis_assets.ports import Clock, PollResponse, SubmissionAnswer
from trellis_assets.settings import Settings


class BittensorNetwork:
    """`ValidatorNetwork` over HTTP: bittensor's SDK signs, our own transport carries the bytes."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._keypair = load_hotkey(settings.network)
        self._transport = ValidatorTransport()
        # Of validators that refused our nonce: their clock less ours, by hotkey.
        self._offsets_s: dict[str, float] = {}

    @property
    def miner_hotkey(self) -> str:
        """Return our ss58 address."""
        return str(self._keypair.ss58_address)

    def metagraph(self) -> Metagraph:
        """Return all neurons listed now, from the file or the chain.

        Raises:
            MetagraphError: with what to do about it.
        """
        return read_metagraph(self._settings)

    async def pull(self, validator: Validator) -> PollResponse:
        """Send one PullTask call, and return what its answer means."""
        answer = await self._call(
            validator,
            synapses.PullTask(),
            timeout_s=self._settings.network.pull_timeout_s,
            longest_answer=MAX_PULL_BYTES,
        )
        return read_pull(answer, self._clock.now())

    async def submit(
        self, validator: Validator, *, task: Task, kind: SubmissionKind, spz: bytes
    ) -> SubmissionAnswer:
        """Send one signed SubmitResults call; an empty result hands the task back."""
        synapse = self.submission(validator, task=task, kind=kind, spz=spz)
        answer = await self._call(
            validator,
            synapse,
            timeout_s=self._settings.network.submit_timeout_s,
            longest_answer=longest_submission_answer(synapse),
        )
        return read_submission(answer, kind, self._clock.now())

    def submission(
        self, validator: Validator, *, task: Task, kind: SubmissionKind, spz: bytes
    ) -> synapses.SubmitResults:
        """Return the synapse as it is sent.

        Both `task` and `task_id` are filled: older validators compare the task, newer ones the id.
        """
        submit_time_ns = time.time_ns()
        message = signed_message(
            submit_time_ns=submit_time_ns,
            prompt=task.prompt,
            validator_hotkey=validator.hotkey,
            miner_hotkey=self.miner_hotkey,
        )
        model = synapses.ImageTask if task.kind is TaskKind.IMAGE else synapses.TextTask
        return synapses.SubmitResults(
            task=model(id=task.task_id, prompt=task.prompt),
            task_id=task.task_id,
            results="" if kind is SubmissionKind.HAND_BACK else base64.b64encode(spz).decode("ascii"),
            compression=synapses.COMPRESSION_SPZ,
            submit_time=submit_time_ns,
            signature=base64.b64encode(self._keypair.sign(message)).decode("ascii"),
        )

    async def _call(
        self, validator: Validator, synapse: Any, *, timeout_s: float, longest_answer: int
    ) -> HttpAnswer | CallFailure:
        """Return the answer; where the nonce of a slow clock is refused, ask again by the validator's clock.

        A clock that is ahead is no reason for an Axon to refuse.
        """
        known_s = self._offsets_s.get(validator.hotkey, 0.0)
        answer = await self._post(validator, synapse, known_s, timeout_s, longest_answer)
        if not isinstance(answer, HttpAnswer) or answer.status != HTTP_UNAUTHORIZED:
            return answer
        offset = offset_in(exchange_of(answer), self._clock.now())
        if offset is None or not offset.is_wrong or abs(offset.seconds - known_s) <= TOLERANCE_S:
            return answer
        self._offsets_s[validator.hotkey] = offset.seconds
        return await self._post(validator, synapse, offset.seconds, timeout_s, longest_answer)

    async def _post(
        self, validator: Validator, synapse: Any, clock_offset_s: float, timeout_s: float, longest_answer: int
    ) -> HttpAnswer | CallFailure:
        request = signed_request(
            synapse,
            validator,
            self._keypair,
            timeout_s=timeout_s,
            bounds=ResponseBounds(body=longest_answer),
            clock_offset_s=clock_offset_s,
        )
        return await self._transport.post(validator.ip, validator.port, request, timeout_s=timeout_s)


def longest_submission_answer(synapse: synapses.SubmitResults) -> int:
    """Return how many bytes the answer may have: what was sent may come back, and is not read.

    Current validators blank the results and leave the task out; older ones echo the task with its prompt.
    """
    prompt = 0 if synapse.task is None else len(synapse.task.prompt.encode())
    return ANSWER_WITHOUT_PROMPT + 2 * prompt + len(synapse.results)
