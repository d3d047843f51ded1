"""The start page's figures, answers and advice, by values."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from trellis_assets.domain.advice import Advice, advise
from trellis_assets.domain.answers import answers
from trellis_assets.domain.diagnostics import CheckResult, Health
from trellis_assets.domain.earning_sentences import cost_sentence, earning_sentence
from trellis_assets.domain.earnings.cost import GpuPrice
from trellis_assets.domain.earnings.economy import NeuronRecord
from trellis_assets.domain.earnings.income import Income
from trellis_assets.domain.earnings.report import EarningsReport, Prices, Usage, earnings_report
from trellis_assets.domain.ended_tasks import EndedTask, OutcomeCount
from trellis_assets.domain.overview import DAY, HOUR, Outcomes, Overview, overview_of, span_edges
from trellis_assets.domain.shares import Share
from trellis_assets.domain.statistics import ValidatorCounters
from trellis_assets.testing.fakes import a_neuron_record

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def count(
    state: str = "accepted",
    tasks: int = 1,
    *,
    span: int = 3,
    kind: str = "text",
    endpoint: str | None = "http://a",
    validator: str | None = "5One",
    seconds: float = 0.0,
) -> OutcomeCount:
    return OutcomeCount(NOW, span, state, kind, endpoint, validator, tasks, seconds)


def a_validator(
    uid: int, hotkey: str, reward: float | None, change: float | None = None
) -> ValidatorCounters:
    return ValidatorCounters("5Me", uid, hotkey, 1000.0, last_reward=reward, reward_per_hour=change)


def texts(overview: Overview, *checks: CheckResult) -> dict[str, str]:
    return {answer.question: answer.text for answer in answers(overview, advise(overview, checks))}


def test_spans_part_the_last_hour_and_day_from_those_before() -> None:
    assert span_edges(NOW) == (NOW - DAY - HOUR, NOW - DAY, NOW - HOUR)
    overview = overview_of([count(tasks=10**span, span=span) for span in range(4)], now=NOW)
    assert overview.last_hour.tasks == 1000
    assert overview.hour_before.tasks == 10
    assert overview.last_day.tasks == 1100
    assert overview.day_before.tasks == 11


def test_groups_are_of_the_last_day_and_the_largest_comes_first() -> None:
    counts = [
        count("accepted", 2, kind="image", endpoint=None),
        count("rejected", 3, span=2, seconds=4.5),
        count("failed", 9, span=1, kind="image"),
    ]
    overview = overview_of(counts, now=NOW)
    assert list(overview.by_kind) == ["text", "image"]
    assert overview.by_kind["image"] == Outcomes(accepted=2)
    assert overview.by_endpoint == {"http://a": Outcomes(rejected=3, generation_s=4.5)}
    assert overview.by_kind["text"].acceptance == Share(0, 3)


def test_an_interval_narrows_with_the_tasks() -> None:
    few, many = Share(3, 4), Share(300, 400)
    assert few.interval[0] < many.interval[0] < 0.75 < many.interval[1] < few.interval[1]
    assert not Share(1, 4).is_below(few)
    assert Share(100, 400).is_below(many)
    assert not Share(0, 0).is_below(many), "nothing is below nothing"


def test_the_five_questions_are_answered_of_an_empty_store() -> None:
    told = texts(overview_of([], now=NOW))
    assert list(told) == [
        "Am I earning?",
        "Which validator pays?",
        "Which prompts fail?",
        "What did today cost?",
        "What should I change?",
    ]
    assert "No earnings read yet. No task ended in the last 24 hours." in told["Am I earning?"]
    assert told["Which validator pays?"] == "None yet: no validator has named a standing."
    assert told["What should I change?"] == "Nothing, by these figures and checks."


def test_the_five_questions_are_answered_by_the_figures() -> None:
    overview = overview_of(
        [
            count("accepted", 60, seconds=7200.0),
            count("rejected", 20),
            count("accepted", 5, kind="image"),
            count("accepted", 50, span=0),
            count("rejected", 50, span=0),
        ],
        now=NOW,
        reasons=[("rejected", 20)],
        validators=[
            a_validator(3, "5One", 3000.0, 120.0),
            a_validator(7, "5Two", 1000.0),
            a_validator(9, "5No", 0.0),
        ],
    )
    told = texts(overview)
    assert (
        "accepted 76 % (65 of 85) results in the last 24 hours, 50 % (50 of 100) the day before"
        in told["Am I earning?"]
    )
    assert "together is 4,000, rising by 120 an hour." in told["Am I earning?"]
    assert told["Which validator pays?"] == (
        "uid 3 pays most: it holds 3,000 of your standing, 75 % of all. 1 of 3 validators hold none."
    )
    assert (
        "75 % (60 of 80) for text prompts and 100 % (5 of 5) for image prompts" in told["Which prompts fail?"]
    )
    assert told["Which prompts fail?"].endswith("What fails most: rejected (20 tasks).")
    assert told["What did today cost?"] == (
        "No cost is known yet. Generation took 2.0 h in the last 24 hours, 110.8 s for each accepted result."
    )


def test_what_the_chain_pays_comes_first_where_it_was_read() -> None:
    found = answers(overview_of([], now=NOW), [], earnings="Yes: 2.5 alpha a day", cost="1.20 EUR today")
    assert found[0].text.startswith("Yes: 2.5 alpha a day.")
    assert found[3].text.startswith("1.20 EUR today.")


FAILED = CheckResult("generator", Health.FAILED, "refused", "start it")
WARNING = CheckResult("disk", Health.WARNING, "4 GB free")


def test_failed_checks_come_before_figures_and_warnings_after() -> None:
    overview = overview_of([count("rejected", 30), count("accepted", 30, validator="5Two")], now=NOW)
    advice = [each.text for each in advise(overview, [WARNING, FAILED])]
    assert advice[0] == "generator: refused. To do: start it"
    assert advice[-1] == "disk: 4 GB free"
    assert any("accepted none of 30 results" in text for text in advice)
    assert advise(None, [FAILED]) == [Advice("generator: refused. To do: start it", "#doctor")]


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        (
            [count(tasks=50), count("rejected", 30, kind="image"), count(tasks=9, kind="image")],
            "Of results for image prompts validators accept 23 % (9 of 39), of the others 100 % (50 of 50)",
        ),
        (
            [count(tasks=50), count("rejected", 30, endpoint="http://b")],
            "Of results made by http://b validators accept 0 % (0 of 30)",
        ),
        ([count("rejected", 40), count(tasks=40, span=0)], "Validators accept less than the day before"),
    ],
)
def test_a_difference_beyond_chance_is_told(counts: list[OutcomeCount], said: str) -> None:
    assert any(said in each.text for each in advise(overview_of(counts, now=NOW), []))


def test_few_tasks_are_no_difference() -> None:
    counts = [count(tasks=3), count("rejected", 1, kind="image"), count(tasks=1, kind="image")]
    assert advise(overview_of(counts, now=NOW), []) == []


def test_much_that_is_not_submitted_is_told_with_its_commonest_reason() -> None:
    counts = [count(tasks=20), count("handed_back", 10)]
    reasons = [("rejected", 12), ("duplicate", 11), ("low score", 7)]
    (advice,) = advise(overview_of(counts, now=NOW, reasons=reasons), [])
    assert advice.text == "33 % (10 of 30) tasks were not submitted. The commonest reason: low score (7)"
    assert advise(overview_of([count(tasks=50), count("failed", 1)], now=NOW, reasons=reasons), []) == []


def test_a_queue_longer_than_the_generation_asks_for_another_endpoint() -> None:
    waiting = [EndedTask("accepted", 1, 0.7, 0.7, 50.0, 20.0, 1.0, 1.0)] * 20
    (advice,) = advise(overview_of([count(tasks=20)], now=NOW, ended=waiting), [])
    assert advice.text.startswith("A task waits 50 s for a generation of 20 s")


def earned(record: NeuronRecord | None = None, *, priced: bool = True, hours: float = 24.0) -> EarningsReport:
    """A day's report: 20 accepted of 30 tasks, an hour of generation."""
    usage = Usage("5One", tasks=30, submitted=25, accepted=20, generation_s=3600.0, uid=3, stake=1000.0)
    return earnings_report(
        start=NOW - DAY,
        end=NOW,
        prices=Prices(GpuPrice(0.5), 400.0, "EUR") if priced else Prices(),
        neuron=record,
        income=Income(30.0, 0.6, 24.0) if record else Income(),
        gpu_hours=hours,
        validators=(usage,),
        recipes=(),
    )


def test_what_the_chain_pays_is_told_with_its_worth_and_what_the_cost_leaves() -> None:
    report = earned(a_neuron_record())
    assert earning_sentence(report) == (
        "Yes: the chain pays 30.00 alpha a day at present (0.600 TAO, 240 EUR); "
        "30.00 alpha in the last 24 hours, 24 of them read. Less cost that leaves 228 EUR"
    )
    assert cost_sentence(report) == (
        "12.00 EUR for 24.0 GPU hours in the last 24 hours, busy 4 % of them, "
        "0.600 EUR for each accepted result"
    )


def test_no_income_is_a_no_and_an_unread_chain_is_not_a_zero() -> None:
    unpaid = replace(earned(a_neuron_record(emission_alpha=0.0)), income=Income(0.0, 0.0, 24.0))
    assert earning_sentence(unpaid) == "No: the chain pays your neuron nothing at present"
    assert earning_sentence(earned()) == earning_sentence(None) == ""


def test_a_missing_price_is_told_with_the_setting_that_gives_it() -> None:
    assert "TRELLIS_GPU_COST_PER_H" in cost_sentence(earned(priced=False))
    assert cost_sentence(None) == ""


def test_a_deregistration_that_is_near_is_urgent_advice() -> None:
    report = earned(a_neuron_record(pruning_position=1))
    advice = advise(overview_of([], now=NOW), [WARNING], report)
    assert [each.link for each in advice] == ["#earnings", "#doctor"]
