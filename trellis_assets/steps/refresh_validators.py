"""Refresh validators: read the metagraph, store it, and see whether our hotkey is registered."""

import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from trellis_assets.domain.backoff import BackoffPolicy
from trellis_assets.domain.clock_skew import elapsed
from trellis_assets.domain.earnings.deregistration import deregistration_risk
from trellis_assets.domain.earnings.economy import is_recent, own_neuron
from trellis_assets.domain.metagraph import Metagraph
from trellis_assets.domain.metagraph_reads import CHAIN_BACKOFF
from trellis_assets.domain.tasks import printable
from trellis_assets.domain.validators import Validator
from trellis_assets.observability.audit_log import audit
from trellis_assets.ports import (
    Clock,
    EarningsRepository,
    MetagraphError,
    PollRepository,
    ValidatorNetwork,
    ValidatorRepository,
)
from trellis_assets.steps.notify import NotifyStep


@dataclass(frozen=True, slots=True)
class MetagraphPolicy:
    """Where the list of validators comes from, and what follows from it.

    Attributes:
        source: network and subnet: lists of two networks are not mixed.
        backoff: between reads that fail, for whatever reason.
        registration: the command that registers our hotkey; None where the list does not tell who is
            registered, as a file does not.
        notify: sends a message that the hotkey was deregistered.
        link: that goes with the message.
        earnings: where records of our own neuron are kept; None keeps none.
    """

    source: str = "unnamed"
    backoff: BackoffPolicy = CHAIN_BACKOFF
    registration: str | None = None
    notify: NotifyStep | None = None
    link: str = ""
    earnings: EarningsRepository | None = None


def why_unregistered(listed: Sequence[Validator], hotkey: str, registration: str) -> str | None:
    """Return that the hotkey is not on the list, with the command that registers it; None if it is."""
    if any(neuron.hotkey == hotkey for neuron in listed):
        return None
    problem = f"the hotkey {hotkey} is not registered on the subnet, so nothing is polled"
    return f"{problem}; register it: {registration}"


@dataclass(frozen=True, slots=True)
class RefreshValidatorsStep:
    """Read the metagraph, store it, and notify when our hotkey is no longer on it."""

    validators: ValidatorRepository
    polls: PollRepository
    network: ValidatorNetwork
    clock: Clock
    policy: MetagraphPolicy = MetagraphPolicy()

    def run(self, max_age: timedelta = timedelta(0)) -> Sequence[Validator]:
        """Return all neurons listed now; they are in the store.

        Args:
            max_age: a stored list of the same source that is younger is not read again.

        Raises:
            MetagraphError: they cannot be read; what was stored before stays, and the failure with the
                time of the next try is stored too.
        """
        before, saved_at = self.validators.listed()
        known = self.validators.metagraph_read(self.policy.source)
        if known.is_current and saved_at is not None and elapsed(saved_at, self.clock.now()) < max_age:
            return before
        try:
            metagraph = self.network.metagraph()
            listed = list(metagraph)
        except Exception as error:
            raise self._failed(error, known.failures + 1) from error
        self.validators.save(listed, self.clock.now(), source=self.policy.source)
        self._record_own_neuron(metagraph)
        if known.failures:
            audit("metagraph read again", failures=known.failures)
        if self.policy.registration is not None:
            self._see_registration(before if known.is_current else [], listed, self.policy.registration)
        return listed

    def _record_own_neuron(self, metagraph: Metagraph) -> None:
        """Store what our own neuron is paid, and notify when its deregistration has become near."""
        # A file is read every few seconds: what is wrong with it is not said each time.
        if metagraph.economy_fault is not None and self.policy.registration is not None:
            reason = printable(metagraph.economy_fault, 200)
            audit("earnings not read", level=logging.WARNING, reason=reason)
        earnings, hotkey, now = self.policy.earnings, self.network.miner_hotkey, self.clock.now()
        if earnings is None or metagraph.economy is None:
            return
        found = own_neuron(metagraph.economy, hotkey, source=self.policy.source, now=now)
        before = earnings.latest(self.policy.source, hotkey)
        if found is None or (before is not None and is_recent(before, now)):
            return
        earnings.record(found)
        risk = deregistration_risk(found)
        if risk is None or (before is not None and deregistration_risk(before) is not None):
            return
        audit("deregistration is near", level=logging.WARNING, hotkey=hotkey, reason=risk)
        if self.policy.notify is not None:
            self.policy.notify.run("deregistration is near", risk, self.policy.link)

    def _failed(self, error: Exception, failures: int) -> MetagraphError:
        if not isinstance(error, MetagraphError):
            error = MetagraphError(f"the list of validators cannot be read: {type(error).__name__}")
        pause = self.policy.backoff.delay(failures, random.random())
        reason = printable(str(error), 500)
        self.validators.record_metagraph_failure(
            self.policy.source,
            failures=failures,
            reason=reason,
            next_read_at=self.clock.now() + pause,
        )
        next_in_s = round(pause.total_seconds())
        audit("metagraph not read", level=logging.WARNING, reason=reason, next_try_in_s=next_in_s)
        return error

    def _see_registration(
        self, before: Sequence[Validator], listed: Sequence[Validator], registration: str
    ) -> None:
        hotkey = self.network.miner_hotkey
        was_registered = any(neuron.hotkey == hotkey for neuron in before)
        problem = why_unregistered(listed, hotkey, registration)
        if problem is None:
            forgotten = self.polls.forget_not_registered(hotkey)
            if before and not was_registered:
                audit("hotkey is registered", hotkey=hotkey, validators_to_poll_again=forgotten)
            return
        audit("hotkey is not registered", level=logging.ERROR, hotkey=hotkey, command=registration)
        if was_registered and self.policy.notify is not None:
            self.policy.notify.run("deregistered", problem, self.policy.link)
