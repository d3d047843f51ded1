"""The subnet over bittensor: pulls, signed submissions, the metagraph."""

import base64
import time
from collections.abc import Sequence
from typing import Any

from trellis_assets.adapters.bittensor import synapses
from trellis_assets.adapters.bittensor.answers import Call, read_pull, read_submission
from trellis_assets.adapters.bittensor.dendrite import MinerDendrite
from trellis_assets.adapters.bittensor.keys import load_hotkey
from trellis_assets.adapters.bittensor.library import bt
from trellis_assets.adapters.bittensor.metagraph import read_metagraph
from trellis_assets.domain.submissions import SubmissionKind, signed_message
from trellis_assets.domain.tasks import Task, TaskKind
from trellis_assets.domain.validators import Validator
from trellis_assets.ports import Clock, PollAnswer, SubmissionAnswer
from trellis_assets.settings import Settings


class BittensorNetwork:
    """`ValidatorNetwork` over HTTP with bittensor's Dendrite, one per call as the subnet expects."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._keypair = load_hotkey(settings)

    @property
    def miner_hotkey(self) -> str:
        """Our ss58 address."""
        return str(self._keypair.ss58_address)

    def metagraph(self) -> Sequence[Validator]:
        """All neurons listed now, from the file or the chain.

        Raises:
            MetagraphError: with what to do about it.
        """
        return read_metagraph(self._settings)

    async def pull(self, validator: Validator) -> PollAnswer:
        """One PullTask call."""
        synapse, call = await self._call(validator, synapses.PullTask(), self._settings.pull_timeout_s)
        return read_pull(synapse, call, self._clock.now())

    async def submit(
        self, validator: Validator, *, task: Task, kind: SubmissionKind, spz: bytes
    ) -> SubmissionAnswer:
        """One signed SubmitResults call; an empty result hands the task back."""
        synapse = self.submission(validator, task=task, kind=kind, spz=spz)
        synapse, call = await self._call(validator, synapse, self._settings.submit_timeout_s)
        return read_submission(synapse, call, kind, self._clock.now())

    def submission(
        self, validator: Validator, *, task: Task, kind: SubmissionKind, spz: bytes
    ) -> synapses.SubmitResults:
        """The synapse as it goes on the wire.

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

    async def _call(self, validator: Validator, synapse: Any, timeout_s: float) -> tuple[Any, Call]:
        axon = bt.AxonInfo(
            version=0,
            ip=validator.ip,
            port=validator.port,
            ip_type=6 if ":" in validator.ip else 4,
            hotkey=validator.hotkey,
            coldkey="",
        )
        async with MinerDendrite(self._keypair) as dendrite:
            try:
                answer = await dendrite.call(
                    target_axon=axon, synapse=synapse, deserialize=False, timeout=timeout_s
                )
            except Exception as error:  # noqa: BLE001 - the library trips over what a stranger's answer holds
                return synapse, Call(dendrite.http_status, dendrite.error or error)
            return answer, Call(dendrite.http_status, dendrite.error)
