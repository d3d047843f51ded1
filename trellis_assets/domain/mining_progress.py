"""Mining progress: whether a live session mines, by its ticks and polls, and what hinders the next poll."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from trellis_assets.domain.diagnostics import CheckResult, Health
from trellis_assets.domain.heartbeats import TICK_WITHIN_S
from trellis_assets.domain.validators import PollRecord

# After so many seconds without a poll, people are told why.
STILL_AFTER_S = 60.0
PART = "mining"
NOT_RUNNING = "no miner uses this folder"
# The last is what stores of earlier versions hold for a malformed response.
_FAILURES = frozenset({"Unreachable", "MalformedResponse", "Rubbish"})
_SHOWN = 3
_LOGS = "in the data folder's logs"
_SEE_LOG = f"see code_server.log {_LOGS}"


@dataclass(frozen=True, slots=True)
class MiningFacts:
    """What is known of a session.

    Attributes:
        session_s: since its start.
        paused: that the sensor is switched off; None while it is on.
        tick_s: since the sensor was evaluated last; None before the first time.
        daemon_error: what Dagster's daemon reported last.
        stuck: why the poller counts as stuck.
        poll_s: since a validator was polled last; None before the first time.
        closed: why the poller polls no validator now.
        failed: what went wrong in the poller's last round.
        eligible: how many validators pass stake and permit.
        records: of their last polls.
        active_tasks: how many there are.
    """

    now: datetime
    session_s: float
    paused: str | None = None
    tick_s: float | None = None
    daemon_error: str | None = None
    stuck: str | None = None
    poll_s: float | None = None
    closed: str | None = None
    failed: str | None = None
    eligible: int = 0
    records: Sequence[PollRecord] = field(default_factory=tuple)
    active_tasks: int = 0
    pulls: bool = True


def judge_mining(facts: MiningFacts, *, turn_on: str) -> CheckResult:
    """Judge whether the session mines, and name what hinders it.

    Args:
        facts: of the session.
        turn_on: how the sensor is switched on again.
    """
    if facts.paused is not None:
        return CheckResult(PART, Health.WARNING, facts.paused, turn_on)
    tick_s = facts.session_s if facts.tick_s is None else facts.tick_s
    if tick_s > TICK_WITHIN_S:
        since = "since the start" if facts.tick_s is None else "for"
        reason = f": {facts.daemon_error}" if facts.daemon_error else ""
        text = f"no tick of the task_sensor {since} {tick_s:.0f} s{' ago' * (facts.tick_s is None)}{reason}"
        return CheckResult(PART, Health.FAILED, text, f"see daemon.log and code_server.log {_LOGS}")
    if facts.stuck is not None:
        return CheckResult(
            PART, Health.FAILED, f"the poller is stuck: {facts.stuck}", "it is replaced by itself"
        )
    ticked = "no tick yet" if facts.tick_s is None else f"last tick {facts.tick_s:.0f} s ago"
    if not facts.pulls:
        return CheckResult(PART, Health.OK, f"at work: {ticked}")
    found = _all_polls_fail(facts)
    if found is not None:
        return found
    poll_s = facts.session_s if facts.poll_s is None else facts.poll_s
    if poll_s <= STILL_AFTER_S:
        polled = "no poll yet" if facts.poll_s is None else f"last poll {facts.poll_s:.0f} s ago"
        return CheckResult(PART, Health.OK, f"at work: {ticked}, {polled}")
    health, why, advice = _hindrance(facts)
    last = _last_failure(facts)
    return CheckResult(PART, health, f"no poll for {poll_s:.0f} s: {why}; {ticked}{last}", advice)


def is_still(result: CheckResult) -> bool:
    """Return whether the result says that no validator has been polled for a while, well or not."""
    return result.part == PART and result.text.startswith("no poll for")


def name_of_state(result: CheckResult) -> str:
    """Return in a word or two what the result says: mining, waiting, paused, not running, outage."""
    if result.health is Health.OK:
        return "Mining"
    if result.health is Health.FAILED:
        return "Outage"
    if result.text == NOT_RUNNING:
        return "Not running"
    return "Waiting" if is_still(result) else "Paused"


def _all_polls_fail(facts: MiningFacts) -> CheckResult | None:
    """Return the failure if every validator's last poll failed: it is ours, or the network's."""
    outcomes = {record.outcome for record in facts.records if record.outcome is not None}
    if outcomes == {"NotRegistered"}:
        text = f"none of {len(facts.records)} validators knows our hotkey"
        return CheckResult(PART, Health.FAILED, text, "register it on the subnet: btcli subnets register")
    if outcomes and outcomes <= _FAILURES:
        text = f"the last poll of every validator failed{_last_failure(facts)}"
        return CheckResult(
            PART, Health.FAILED, text, "look at the reason, this machine's network and its clock"
        )
    return None


def _hindrance(facts: MiningFacts) -> tuple[Health, str, str]:
    """Return why no validator is polled, as health, text and advice."""
    if facts.failed is not None:
        return Health.FAILED, facts.failed, _SEE_LOG
    if facts.closed is not None:
        return Health.WARNING, facts.closed, ""
    if facts.active_tasks:
        return Health.OK, f"{facts.active_tasks} tasks are active", ""
    if not facts.eligible:
        advice = "lower TRELLIS_MIN_STAKE, or look at TRELLIS_REQUIRE_PERMIT"
        return Health.FAILED, "no validator passes stake and permit", advice
    ahead = [until for record in facts.records if (until := _rests_until(record, facts.now)) is not None]
    if len(ahead) >= facts.eligible:
        many = f"all {facts.eligible} validators are" if facts.eligible > 1 else "the only validator is"
        return Health.OK, f"{many} cooling down or backing off, the first until {min(ahead):%H:%M:%S} UTC", ""
    return Health.FAILED, "nothing is known that hinders it", _SEE_LOG


def _rests_until(record: PollRecord, now: datetime) -> datetime | None:
    times = [at for at in (record.times.next_poll_at, record.times.cooldown_until) if at is not None]
    return max((at for at in times if at > now), default=None)


def _last_failure(facts: MiningFacts) -> str:
    """Return the newest failures in the peers' own words."""
    failed = [(r.answered_at, r) for r in facts.records if r.reason is not None and r.answered_at is not None]
    newest = sorted(failed, key=lambda at_and_record: at_and_record[0], reverse=True)[:_SHOWN]
    told = [f"uid {r.uid} {_age_s(at, facts.now):.0f} s ago: {r.reason}" for at, r in newest]
    return f"; last failures: {'; '.join(told)}" if told else ""


def _age_s(at: datetime, now: datetime) -> float:
    return max(0.0, (now - at).total_seconds())
