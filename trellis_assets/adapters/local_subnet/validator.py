"""One local validator: a real bittensor Axon on 127.0.0.1 that applies the subnet's rules."""

import asyncio
import base64
import binascii
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trellis_assets.adapters.bittensor.import_guard import bt
from trellis_assets.adapters.bittensor.synapses import Feedback, GetVersion, PullTask, SubmitResults
from trellis_assets.adapters.local_subnet import rules
from trellis_assets.adapters.local_subnet.economy import ValidatorWeights
from trellis_assets.adapters.local_subnet.prompts import TaskSource
from trellis_assets.adapters.local_subnet.rules import Miner, Pull, Rules, Submit
from trellis_assets.adapters.local_subnet.state import DecisionLog, ValidatorState
from trellis_assets.domain.submissions import signed_message
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.ports import LocalValidator, ValidationUnavailableError

VERSION = 45
STOP_TIMEOUT_S = 5.0
MIN_STAKE_FOR_VERSION = 1000


@dataclass(frozen=True, slots=True)
class DevelopmentWallet:
    """What an Axon needs of a wallet: one development key for both roles."""

    hotkey: Any
    coldkeypub: Any

    @classmethod
    def from_uri(cls, uri: str) -> "DevelopmentWallet":
        """Return the key that the URI stands for."""
        keypair = bt.Keypair.create_from_uri(uri)
        return cls(hotkey=keypair, coldkeypub=keypair)


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong on purpose, for tests.

    Attributes:
        pull_delay_s, submit_delay_s: rest before answering (a submission is processed first).
        drops_submit_answers: process a submission, then answer with a server error.
    """

    pull_delay_s: float = 0.0
    submit_delay_s: float = 0.0
    drops_submit_answers: bool = False


class LocalSubnetValidator:
    """Serves PullTask, SubmitResults and GetVersion until stopped."""

    def __init__(
        self,
        *,
        uid: int,
        stake: float,
        port: int,
        folder: Path,
        rules: Rules,
        prompts: TaskSource,
        scorer: LocalValidator,
        registered: frozenset[str],
        faults: Faults | None = None,
        address: str = "127.0.0.1",
    ) -> None:
        self.uid, self.stake, self.address, self.port = uid, stake, address, port
        self._rules, self._prompts, self._scorer = rules, prompts, scorer
        self._registered, self._faults = registered, faults or Faults()
        self._wallet = DevelopmentWallet.from_uri(f"//TrellisAssetsValidator{uid}")
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._state = ValidatorState(folder / f"validator_{uid}.json")
        self._log = DecisionLog(folder / "validators.jsonl")
        self._axon = bt.Axon(
            wallet=self._wallet, ip=address, port=port, external_ip=address, external_port=port
        )
        # bittensor binds every address whatever `ip` says; a development tool stays at home.
        self._axon.fast_config.host = address
        # Its thread would look a thousand times a second whether to stop, beside the server that looks
        # ten times: a subnet of 64 would take half a core for nothing.
        server = self._axon.fast_server
        server._wrapper_run = server.run  # noqa: SLF001 - what `start` runs in its thread
        self._attach()

    @property
    def hotkey(self) -> str:
        """Return the validator's ss58 address."""
        return str(self._wallet.hotkey.ss58_address)

    def weights_basis(self, simulated: Mapping[str, float]) -> ValidatorWeights:
        """Return what it sets weights by: rewards of registered miners now, and of simulated ones."""
        now = time.time()
        ours = {h: rules.reward(self._state.miner(h), self._rules, now) for h in self._registered}
        return ValidatorWeights(self.uid, self.hotkey, self.stake, ours | dict(simulated))

    def start(self) -> None:
        """Start the Axon."""
        self._axon.start()

    def stop(self) -> None:
        """Stop the Axon, and free its port."""
        self._axon.stop()
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while self._axon.fast_server.started and time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex((self.address, self.port)) != 0:
                    return
            time.sleep(0.02)

    def _attach(self) -> None:
        # Axon.attach compares signatures with annotations: closures that it can read.
        async def pull(synapse: PullTask) -> PullTask:
            return await self.pull(synapse)

        async def submit(synapse: SubmitResults) -> SubmitResults:
            return await self.submit(synapse)

        def refuse_submit(synapse: SubmitResults) -> tuple[bool, str]:
            return self.refuses(synapse.dendrite.hotkey)

        def submit_priority(synapse: SubmitResults) -> float:  # noqa: ARG001
            return self.stake

        def version(synapse: GetVersion) -> GetVersion:
            synapse.version, synapse.validation_version = VERSION, f'"{self._scorer.name}"'
            return synapse

        # The blacklist's return annotation must equal typing.Tuple[bool, str].
        from typing import Tuple  # noqa: UP035

        refuse_submit.__annotations__["return"] = Tuple[bool, str]  # noqa: UP006
        self._axon.attach(forward_fn=pull)
        self._axon.attach(forward_fn=submit, blacklist_fn=refuse_submit, priority_fn=submit_priority)
        self._axon.attach(forward_fn=version)

    def _decided(self, event: str, miner_hotkey: str, miner: Miner, **fields: object) -> None:
        """Write state and log to disk: only then may the answer be sent."""
        self._state.save(miner_hotkey, miner)
        self._log.write(
            event,
            validator_uid=self.uid,
            validator_hotkey=self.hotkey,
            miner_hotkey=miner_hotkey,
            cooldown_until=miner.cooldown_until,
            **fields,
        )

    async def pull(self, synapse: PullTask) -> PullTask:
        """Return the answer to a pull, in the order of PROTOCOL 4.1."""
        await asyncio.sleep(self._faults.pull_delay_s)
        hotkey, now = synapse.dendrite.hotkey, time.time()
        if hotkey not in self._registered:
            self._log.write("not_registered", validator_uid=self.uid, miner_hotkey=hotkey)
            synapse.cooldown_until = int(now) + rules.UNKNOWN_HOTKEY_COOLDOWN_S
            return synapse
        decision, miner = rules.decide_pull(self._state.miner(hotkey), self._rules, now)
        if decision is Pull.COOLDOWN:
            self._decided(decision, hotkey, miner, violations=miner.violations)
            synapse.cooldown_until, synapse.cooldown_violations = miner.cooldown_until, miner.violations
            return synapse
        if decision is Pull.NEW_TASK:
            miner = rules.assign(miner, self._prompts.next_task(), now)
        assert miner.assigned is not None
        task = miner.assigned.task
        self._decided(decision, hotkey, miner, task_id=task["id"], prompt=task["prompt"])
        filled = PullTask(task=task)
        synapse.task = filled.task
        synapse.validation_threshold = self._rules.threshold
        synapse.throttle_period = self._rules.throttle_s
        return synapse

    def refuses(self, hotkey: str) -> tuple[bool, str]:
        """Return whether the Axon refuses: HTTP 403 without an assigned task (PROTOCOL 4.4, step 0)."""
        if hotkey not in self._registered:
            reason = "hotkey not registered"
        elif self._state.miner(hotkey).assigned is None:
            reason = "no task assigned"
        else:
            return False, ""
        self._log.write("refused", validator_uid=self.uid, miner_hotkey=hotkey, reason=reason)
        return True, reason

    async def submit(self, synapse: SubmitResults) -> SubmitResults:
        """Return the answer to a submission, in the order of PROTOCOL 4.4."""
        hotkey, now = synapse.dendrite.hotkey, time.time()
        miner = self._state.miner(hotkey)
        is_signed = self._is_signed(synapse, hotkey, miner)
        decision, miner = rules.before_scoring(
            miner,
            self._rules,
            now,
            task_id=synapse.task_id,
            is_signed=is_signed,
            is_empty=synapse.results == "",
        )
        score, reason, assigned = None, "", self._state.miner(hotkey).assigned
        if decision is Submit.SCORE:
            self._state.save(hotkey, miner)
            score, reason = await asyncio.to_thread(self._score, synapse.results, miner)
            now = time.time()
            decision, miner = rules.after_scoring(self._state.miner(hotkey), self._rules, now, score)
        task_id = assigned.task["id"] if assigned else None
        self._decided(
            decision, hotkey, miner, task_id=task_id, submitted_id=synapse.task_id, score=score, reason=reason
        )
        await asyncio.sleep(self._faults.submit_delay_s)
        if self._faults.drops_submit_answers:
            raise RuntimeError("the answer is dropped on purpose")
        return self._answer(synapse, decision, miner, score, now)

    def _answer(
        self, synapse: SubmitResults, decision: Submit, miner: Miner, score: float | None, now: float
    ) -> SubmitResults:
        accepted = decision is Submit.ACCEPTED and score is not None
        synapse.feedback = Feedback(
            validation_failed=decision is Submit.SCORING_FAILED,
            task_fidelity_score=min(1.0, score) if accepted and score is not None else 0.0,
            average_fidelity_score=miner.fidelity,
            generations_within_the_window=rules.generations_in_window(miner, now),
            current_duel_rating=self._rules.duel_rating,
            current_miner_reward=rules.reward(miner, self._rules, now),
        )
        synapse.cooldown_until = miner.cooldown_until
        synapse.results = synapse.signature = ""
        return synapse

    def _is_signed(self, synapse: SubmitResults, hotkey: str, miner: Miner) -> bool:
        """Return whether the miner signed the licence for this task.

        Malformed base64 raises, as it does in the subnet's validators: a server error.
        """
        if miner.assigned is None:
            return False
        message = signed_message(
            submit_time_ns=synapse.submit_time,
            prompt=miner.assigned.task["prompt"],
            validator_hotkey=self.hotkey,
            miner_hotkey=hotkey,
        )
        signature = base64.b64decode(synapse.signature, validate=True)
        return bool(bt.Keypair(ss58_address=hotkey).verify(message, signature))

    def _score(self, results: str, miner: Miner) -> tuple[float | None, str]:
        """Return the score of what was sent (undecodable data scores 0), and why it is no better."""
        assert miner.assigned is not None
        task = miner.assigned.task
        try:
            spz = base64.b64decode(results, validate=True)
        except (binascii.Error, ValueError):
            return 0.0, "results are not base64"
        try:
            verdict = self._scorer.validate(spz, prompt=task["prompt"], kind=TaskKind(task["type"]))
        except ValidationUnavailableError as error:
            return None, str(error)
        return verdict.score, "; ".join(verdict.failed_checks)
