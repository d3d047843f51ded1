"""Try endpoints: a model is made at a generation endpoint of our own, at another one after a failure."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from trellis_assets.domain.backoff import BackoffPolicy
from trellis_assets.domain.endpoints.breaker import Outcome
from trellis_assets.domain.endpoints.descriptions import describe_endpoint
from trellis_assets.domain.endpoints.endpoints import Endpoint, has_only_failed_at, is_of_prompt
from trellis_assets.domain.endpoints.fault_attribution import prompt_mark
from trellis_assets.domain.endpoints.selection import free_endpoints, is_any_healthy, taking_work
from trellis_assets.domain.heartbeats import Stage
from trellis_assets.domain.scheduling.slot_polling import slot_poll_interval_s
from trellis_assets.domain.splats.quality_checks import too_few
from trellis_assets.domain.splats.splats import GaussianSplats
from trellis_assets.domain.tasks import LEASE, Task, TaskState
from trellis_assets.observability.audit_log import audit
from trellis_assets.ports import (
    Clock,
    GenerationError,
    Generator,
    PromptRefusedError,
    Store,
    StoreError,
    UnclearFaultError,
    UnsupportedPromptError,
)
from trellis_assets.steps.lease_heartbeat import lease_heartbeat
from trellis_assets.system.stages import enter_stage

# A task that goes before others may be held up: the free endpoint is left to it so long, not longer.
YIELD_S = 0.5
# Between tries at endpoints of which each has failed the task already.
TRY_BACKOFF = BackoffPolicy.doubling(2, 60, jitter=0.0)
# A task in hand keeps its validator from being asked, and handing it back costs a cooldown: a server that
# restarts is waited for. A task has no end with its validator (PROTOCOL 4.6).
LONGEST_WAIT_S = 600.0


@dataclass(frozen=True, slots=True)
class Made:
    """What an endpoint gave, and when it worked on it."""

    splats: GaussianSplats
    endpoint: str
    seed: int
    started_at: datetime
    finished_at: datetime


@dataclass(slots=True)
class _Turn:
    """An endpoint while it is ours, and what is to be said of it afterwards."""

    endpoint: str
    outcome: Outcome | None = None


@dataclass(slots=True)
class _Tries:
    """What a task has been through.

    Attributes:
        mark: of its prompt.
        seed: of the candidate that is being made.
        failed: endpoints where it failed and may be tried again, once for each time.
        unfit: endpoints that would say the same again.
        since: when it failed first at an endpoint that may be tried again.
        waits: for endpoints of which each had failed it already.
    """

    mark: str
    seed: int
    failed: list[str] = field(default_factory=list)
    unfit: set[str] = field(default_factory=set)
    since: datetime | None = None
    waits: int = 0


@dataclass(frozen=True, slots=True)
class GenerateWithFailoverStep:
    """The step with what it works on; `retries` are tries after the first."""

    store: Store
    generator: Generator
    clock: Clock
    retries: int

    def run(self, task: Task, run_id: str, candidate: int = 0) -> Made:
        """Return the model of this candidate of the task, counted from 0: each has a seed of its own.

        Each try has an endpoint of its own, the one that has failed this task least.

        A fault of the endpoints is waited out, as long as they may come back; retries are counted
        where the fault may be the task's.

        Raises:
            PromptRefusedError: the prompt is at fault.
            UnsupportedPromptError: no endpoint takes such prompts.
            GenerationError: the retries are used up, no endpoint was left, or none was well for too long.
        """
        tries = _Tries(prompt_mark(task.prompt), generation_seed(task, candidate))
        while True:
            with self._turn(task.key, tries) as turn:
                try:
                    return self._at(turn, task, run_id, tries)
                except PromptRefusedError:
                    raise
                except GenerationError as error:
                    self._note(tries, turn.endpoint, error)
                    failure = error
            if self._is_over(tries):
                raise failure
            audit("generation retried", task=task, level=logging.WARNING, reason=str(failure))
            # Another endpoint may begin at once; only who failed already is given time.
            if set(self._endpoints_left(tries)) <= set(tries.failed):
                enter_stage(Stage.WAITING)
                tries.waits += 1
                self.clock.sleep(TRY_BACKOFF.delay(tries.waits).total_seconds())

    def _note(self, tries: _Tries, name: str, error: GenerationError) -> None:
        """Note the failure, with the endpoint's record as it was before."""
        now = self.clock.now()
        (endpoint,) = self.store.endpoints.named([name], now)
        is_prompts = isinstance(error, UnclearFaultError) and is_of_prompt(endpoint, tries.mark)
        if is_prompts or isinstance(error, UnsupportedPromptError):
            tries.unfit.add(name)
        else:
            tries.failed.append(name)
            tries.since = tries.since or now

    def _is_over(self, tries: _Tries) -> bool:
        """Whether another try is no use, or has been waited for long enough."""
        left, now = self._endpoints_left(tries), self.clock.now()
        if not left:
            return True
        if len(tries.failed) <= self.retries or tries.since is None:
            return False
        if (now - tries.since).total_seconds() >= LONGEST_WAIT_S:
            return True
        pool = self.store.endpoints.named(left, now)
        return any(has_only_failed_at(endpoint, tries.mark) for endpoint in pool)

    def _endpoints_left(self, tries: _Tries) -> list[str]:
        return [name for name in self.generator.endpoints if name not in tries.unfit]

    def _at(self, turn: _Turn, task: Task, run_id: str, tries: _Tries) -> Made:
        started, seed, endpoint = self.clock.now(), tries.seed, turn.endpoint
        task = self.store.tasks.move(task.key, TaskState.GENERATING, now=started, run_id=run_id)
        audit("generation started", task=task, endpoint=endpoint, seed=seed)
        enter_stage(Stage.GENERATING)
        try:
            splats = self.generator.generate(task.prompt, kind=task.kind, seed=seed, endpoint=endpoint)
            _refuse_too_few(splats, endpoint)
        except GenerationError as error:
            turn.outcome = _outcome_of(error, self._seconds_since(started), tries.mark)
            raise
        turn.outcome = Outcome(self._seconds_since(started))
        return Made(splats, endpoint, seed, started, self.clock.now())

    def _seconds_since(self, started: datetime) -> float:
        # A clock that was set back meanwhile must not make an endpoint look faster than it is.
        return max(0.0, (self.clock.now() - started).total_seconds())

    @contextmanager
    def _turn(self, key: int, tries: _Tries) -> Iterator[_Turn]:
        """A generation endpoint of our own until the block ends."""
        turn = _Turn(self._wait_for_endpoint(key, tries))
        held = turn.endpoint
        try:
            with lease_heartbeat(self.clock, lambda until: self.store.slots.extend(held, key, until)):
                yield turn
        finally:
            try:
                self.store.slots.release(held, key, now=self.clock.now(), outcome=turn.outcome)
            except StoreError as error:
                # The model in hand is worth more; nobody renews the slot any more, so that it is free soon.
                audit("slot not given back", level=logging.WARNING, endpoint=held, reason=str(error))

    def _wait_for_endpoint(self, key: int, tries: _Tries) -> str:
        """The best free endpoint, held for the task now; the best of the waiting tasks gets it.

        Raises:
            GenerationError: no endpoint was well for `LONGEST_WAIT_S`.
        """
        names = self._endpoints_left(tries)
        since = well_at = self.clock.now()
        free_since: datetime | None = None
        while True:
            enter_stage(Stage.WAITING)
            now = self.clock.now()
            pool = self.store.endpoints.named(names, now)
            free = free_endpoints(pool, now, tries.failed)
            free_since = (free_since or now) if free else None
            if free_since is not None and (
                (now - free_since).total_seconds() >= YIELD_S or self.store.slots.is_next_in_line(key, now)
            ):
                endpoint = self.store.slots.acquire(free, key, now=now, until=now + LEASE)
                if endpoint is not None:
                    return endpoint
            if is_any_healthy(pool):
                well_at = now
            elif (now - well_at).total_seconds() >= LONGEST_WAIT_S and not taking_work(pool, now):
                raise GenerationError(_gave_up(pool, now), is_transient=False)
            waited_s = (now - since).total_seconds()
            self.clock.sleep(slot_poll_interval_s(pool, now, waited_s))


def _outcome_of(error: GenerationError, seconds: float, mark: str) -> Outcome | None:
    """What the endpoint's record says of the failure; None where it is none of the endpoint's."""
    if isinstance(error, PromptRefusedError | UnsupportedPromptError):
        return None
    is_unclear = isinstance(error, UnclearFaultError)
    return Outcome(
        duration_s=seconds,
        failure=str(error),
        is_unreachable=error.is_unreachable,
        is_lasting=not error.is_transient and not is_unclear,
        is_unclear=is_unclear,
        prompt=mark,
    )


def _refuse_too_few(splats: GaussianSplats, endpoint: str) -> None:
    """Raise for a model that every validator rejects: the prompt or the endpoint may be at fault."""
    if (problem := too_few(splats)) is not None:
        raise UnclearFaultError(f"{endpoint}: {problem}")


def _gave_up(pool: Sequence[Endpoint], now: datetime) -> str:
    """Why nobody was waited for any longer."""
    found = "; ".join(describe_endpoint(endpoint, now) for endpoint in pool)
    return f"no endpoint was well for {LONGEST_WAIT_S:.0f} s: {found}"


def generation_seed(task: Task, candidate: int = 0) -> int:
    """Return the seed of a task's candidate, the same whenever it is generated, 0 to 2^31-1."""
    suffix = f":{candidate}" if candidate else ""
    digest = sha256(f"{task.miner_hotkey}:{task.task_id}{suffix}".encode()).digest()
    return int.from_bytes(digest[:4], "big") & 0x7FFFFFFF
