"""Generate with failover: at a free endpoint, and at another one after a failure."""

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
from trellis_assets.domain.generation_settings import UsedSettings
from trellis_assets.domain.heartbeats import Stage
from trellis_assets.domain.learning.recipe_use import RecipeRequest, request_by
from trellis_assets.domain.learning.recipes import USUAL, Recipe
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
    TellsSettings,
    UnclearFaultError,
    UnsupportedPromptError,
)
from trellis_assets.steps.lease_heartbeat import lease_heartbeat
from trellis_assets.system.stages import enter_stage

# A free endpoint is left to the task with the highest priority for so long; that task may be delayed.
YIELD_S = 0.5
# An extra candidate is worth less the longer it takes: after so long the task goes on without it.
EXTRA_WAIT_S = 30.0
# Between tries at endpoints of which each has failed the task already.
TRY_BACKOFF = BackoffPolicy.doubling(2, 60, jitter=0.0)
# An active task keeps its validator from being polled, and to hand it back costs a cooldown: a server that
# restarts is waited for. A task never expires with its validator (PROTOCOL 4.6).
LONGEST_WAIT_S = 600.0


class EndpointsBusyError(GenerationError):
    """No endpoint was free for an extra candidate: tasks without one go first."""

    def __init__(self, message: str) -> None:
        super().__init__(message, is_transient=False)


@dataclass(frozen=True, slots=True)
class Made:
    """A generated model, with its endpoint and times.

    Attributes:
        prompt: as it was put to the endpoint.
        recipe: that the model was made by, which is the wanted one only where the endpoint followed it.
    """

    splats: GaussianSplats
    endpoint: str
    seed: int
    started_at: datetime
    finished_at: datetime
    prompt: str
    recipe: Recipe


@dataclass(slots=True)
class _Turn:
    """A slot at an endpoint while a task holds it, and the outcome to record."""

    endpoint: str
    outcome: Outcome | None = None


@dataclass(slots=True)
class _Tries:
    """The tries of one task so far.

    Attributes:
        mark: of its prompt.
        seed: of the candidate that is being made.
        wanted: prompt and settings by its recipe.
        is_extra: the task has another candidate, so that tasks without one go first.
        failed: endpoints where it failed and may be tried again, one entry per failure.
        unfit: endpoints that would say the same again.
        since: when it failed first at an endpoint that may be tried again.
        waits: for endpoints of which each had failed it already.
    """

    mark: str
    seed: int
    wanted: RecipeRequest
    is_extra: bool = False
    failed: list[str] = field(default_factory=list)
    unfit: set[str] = field(default_factory=set)
    since: datetime | None = None
    waits: int = 0


@dataclass(frozen=True, slots=True)
class GenerateWithFailoverStep:
    """Generate a task at the best free endpoint, and at others after failures.

    Attributes:
        retries: tries after the first.
    """

    store: Store
    generator: Generator
    clock: Clock
    retries: int

    def run(
        self,
        task: Task,
        run_id: str,
        candidate: int = 0,
        recipe: Recipe = USUAL,
        *,
        is_extra: bool = False,
    ) -> Made:
        """Return the model of this candidate of the task, counted from 0: each has a seed of its own.

        Endpoints that the recipe names go first; where none of them is healthy the others make the model,
        which then does not count as the recipe's.

        An extra candidate waits at most `EXTRA_WAIT_S` for an endpoint that no task without one waits for.

        Each try takes the free endpoint that has failed this task least.

        Faults of endpoints are waited out for ten minutes; retries are counted where the fault may be the
        task's.

        Raises:
            PromptRefusedError: the prompt is at fault.
            UnsupportedPromptError: no endpoint takes such prompts.
            EndpointsBusyError: no endpoint was free for an extra candidate.
            GenerationError: no retry or no endpoint is left, or none was healthy for ten minutes.
        """
        wanted = request_by(recipe, task.prompt, task.kind)
        seed = generation_seed(task, candidate)
        tries = _Tries(prompt_mark(task.prompt), seed, wanted, is_extra)
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
            # Another endpoint may start at once; endpoints that failed already are given time.
            if set(self._endpoints_left(tries)) <= set(tries.failed):
                enter_stage(Stage.WAITING)
                tries.waits += 1
                self.clock.sleep(TRY_BACKOFF.delay(tries.waits).total_seconds())

    def _note(self, tries: _Tries, name: str, error: GenerationError) -> None:
        """Note whether the endpoint may be tried again, by its record before the failure."""
        now = self.clock.now()
        (endpoint,) = self.store.endpoints.named([name])
        is_prompts = isinstance(error, UnclearFaultError) and is_of_prompt(endpoint, tries.mark)
        if is_prompts or isinstance(error, UnsupportedPromptError):
            tries.unfit.add(name)
        else:
            tries.failed.append(name)
            tries.since = tries.since or now

    def _is_over(self, tries: _Tries) -> bool:
        """Return whether another try is of no use, or was waited for long enough."""
        left, now = self._endpoints_left(tries), self.clock.now()
        if not left:
            return True
        if len(tries.failed) <= self.retries or tries.since is None:
            return False
        if (now - tries.since).total_seconds() >= LONGEST_WAIT_S:
            return True
        pool = self.store.endpoints.named(left)
        return any(has_only_failed_at(endpoint, tries.mark) for endpoint in pool)

    def _preferred(self, pool: list[Endpoint], recipe: Recipe) -> list[Endpoint]:
        """Return the endpoints that the recipe names, or all where none of them is healthy."""
        named = [endpoint for endpoint in pool if recipe.may_use(endpoint.name)]
        return named if is_any_healthy(named) else pool

    def _endpoints_left(self, tries: _Tries) -> list[str]:
        return [name for name in self.generator.endpoints if name not in tries.unfit]

    def _at(self, turn: _Turn, task: Task, run_id: str, tries: _Tries) -> Made:
        started, seed, endpoint = self.clock.now(), tries.seed, turn.endpoint
        task = self.store.tasks.move(task.key, TaskState.GENERATING, now=started, run_id=run_id)
        audit("generation started", task=task, endpoint=endpoint, seed=seed)
        enter_stage(Stage.GENERATING)
        try:
            splats = self._asked(tries.wanted, task, seed, endpoint)
            _refuse_too_few(splats, endpoint)
        except GenerationError as error:
            turn.outcome = _outcome_of(error, self._seconds_since(started), tries.mark)
            raise
        turn.outcome = Outcome(self._seconds_since(started))
        by = tries.wanted.made_by(endpoint, self._used(endpoint))
        return Made(splats, endpoint, seed, started, self.clock.now(), tries.wanted.prompt, by)

    def _asked(self, wanted: RecipeRequest, task: Task, seed: int, endpoint: str) -> GaussianSplats:
        return self.generator.generate(
            wanted.prompt,
            kind=task.kind,
            seed=seed,
            endpoint=endpoint,
            sampling=wanted.sampling,
            route=wanted.route,
        )

    def _used(self, endpoint: str) -> UsedSettings | None:
        generator = self.generator
        return generator.used_settings(endpoint) if isinstance(generator, TellsSettings) else None

    def _seconds_since(self, started: datetime) -> float:
        # A clock that was set back meanwhile must not make the endpoint look faster than it is.
        return max(0.0, (self.clock.now() - started).total_seconds())

    @contextmanager
    def _turn(self, key: int, tries: _Tries) -> Iterator[_Turn]:
        """Hold a slot at an endpoint until the block ends, and record the outcome."""
        turn = _Turn(self._wait_for_endpoint(key, tries))
        held = turn.endpoint
        try:
            with lease_heartbeat(self.clock, lambda until: self.store.slots.extend(held, key, until)):
                yield turn
        finally:
            try:
                self.store.slots.release(held, key, now=self.clock.now(), outcome=turn.outcome)
            except StoreError as error:
                # The model is worth more; no heartbeat renews the slot, so that it is free soon.
                audit("slot not given back", level=logging.WARNING, endpoint=held, reason=str(error))

    def _wait_for_endpoint(self, key: int, tries: _Tries) -> str:
        """Return the best free endpoint, now held for the task, once no waiting task goes before it.

        Raises:
            GenerationError: no endpoint was healthy for `LONGEST_WAIT_S`.
        """
        names = self._endpoints_left(tries)
        since = healthy_at = self.clock.now()
        free_since: datetime | None = None
        while True:
            enter_stage(Stage.WAITING)
            now = self.clock.now()
            pool = self._preferred(self.store.endpoints.named(names), tries.wanted.recipe)
            free = free_endpoints(pool, now, tries.failed)
            free_since = (free_since or now) if free else None
            if free_since is not None and self._may_take(key, tries, free_since, now):
                endpoint = self.store.slots.acquire(free, key, now=now, until=now + LEASE)
                if endpoint is not None:
                    return endpoint
            if tries.is_extra and (now - since).total_seconds() >= EXTRA_WAIT_S:
                raise EndpointsBusyError(f"no endpoint was free for it in {EXTRA_WAIT_S:.0f} s")
            if is_any_healthy(pool):
                healthy_at = now
            elif (now - healthy_at).total_seconds() >= LONGEST_WAIT_S and not taking_work(pool, now):
                raise GenerationError(_gave_up(pool, now), is_transient=False)
            waited_s = (now - since).total_seconds()
            self.clock.sleep(slot_poll_interval_s(pool, now, waited_s))

    def _may_take(self, key: int, tries: _Tries, free_since: datetime, now: datetime) -> bool:
        """Return whether no waiting task goes first, or has not taken the endpoint for a moment.

        An extra candidate never goes before a task without one that is worth as much.
        """
        is_held_up = (now - free_since).total_seconds() >= YIELD_S and not tries.is_extra
        return is_held_up or self.store.slots.is_next_in_line(key, now, is_extra=tries.is_extra)


def _outcome_of(error: GenerationError, seconds: float, mark: str) -> Outcome | None:
    """Return what to record of the failure; None if the endpoint is not at fault."""
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
    """Raise UnclearFaultError for a model that every validator rejects."""
    if (problem := too_few(splats)) is not None:
        raise UnclearFaultError(f"{endpoint}: {problem}")


def _gave_up(pool: Sequence[Endpoint], now: datetime) -> str:
    """Return why the wait ended, with the state of each endpoint."""
    found = "; ".join(describe_endpoint(endpoint, now) for endpoint in pool)
    return f"no endpoint was healthy for {LONGEST_WAIT_S:.0f} s: {found}"


def generation_seed(task: Task, candidate: int = 0) -> int:
    """Return the seed of a task's candidate, the same whenever it is generated, 0 to 2^31-1."""
    suffix = f":{candidate}" if candidate else ""
    digest = sha256(f"{task.miner_hotkey}:{task.task_id}{suffix}".encode()).digest()
    return int.from_bytes(digest[:4], "big") & 0x7FFFFFFF
