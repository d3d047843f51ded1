"""Every figure of the reports agrees with plain SQL; hostile and missing values come out right."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import text

from trellis_assets.adapters.storage.report_queries import SqlReportQueries
from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.domain.columns.other_columns import REWARD_COLUMNS, VALIDATOR_COLUMNS
from trellis_assets.domain.columns.task_columns import REPORTED_TASK_COLUMNS as TASK_COLUMNS
from trellis_assets.domain.submissions import SubmissionOutcome
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.reports.files import write_report
from trellis_assets.reports.report_command import report_to, span
from trellis_assets.reports.tables import REPORTS
from trellis_assets.settings import SettingsError
from trellis_assets.testing.fakes import NOW, a_validator
from trellis_assets_tests.ended_tasks import History

DAY = datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC)
HOSTILE = [
    "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "**bold** [link](javascript:alert(3)) `code` | pipe |",
    "a 🐸 on a 🪑, ﷽",
    "كرسي أحمر \u202egnp.exe",
    "x" * 1024,
    '=HYPERLINK("http://evil";"click")',
    "+1+1",
    "@SUM(A1)",
    "-2+3",
    "$\\alpha^{$ and $x$",
    "two\nlines\r\nand\ta tab",
    'quote " and comma, and semicolon;',
    "</title></style>--><!--",
    "{{ 7 * 7 }}",
]


@pytest.fixture
def history(store: SqlStore) -> History:
    store.validators.save([a_validator(1), a_validator(2, stake=7000.0)], NOW)
    return History(store)


@pytest.fixture
def ledger(store: SqlStore) -> SqlReportQueries:
    return SqlReportQueries(store.engine)


@pytest.fixture
def sql(store: SqlStore) -> Callable[[str], Sequence[Sequence[Any]]]:
    def query(statement: str) -> Sequence[Sequence[Any]]:
        with store.engine.connect() as connection:
            return connection.execute(text(statement)).all()

    return query


def a_varied_day(history: History) -> None:
    two = a_validator(2)
    for number in range(7):
        history.answered(fidelity=0.6 + number / 50, at=NOW + timedelta(minutes=number))
    for number in range(3):
        history.answered(fidelity=0.8, validator=two, at=NOW + timedelta(hours=number), score=None)
    history.answered(outcome=SubmissionOutcome.REJECTED, fidelity=0.0, validator=two)
    history.handed_back("duplicate of task 3")
    history.handed_back("duplicate of task 4", validator=two)
    history.handed_back("low score: 0.3 under 0.6")
    history.failed("no generation server answers: connection refused")
    history.answered(at=NOW - timedelta(days=3))


def frame(ledger: SqlReportQueries, name: str, tmp_path: Path) -> pd.DataFrame:
    path = tmp_path / f"{name}.parquet"
    write_report(ledger, name, *DAY, path)
    return pd.read_parquet(path)


def test_rewards_agree_with_sql(
    history: History, ledger: SqlReportQueries, tmp_path: Path, sql: Callable[[str], Sequence[Sequence[Any]]]
) -> None:
    a_varied_day(history)
    rewards = frame(ledger, "rewards", tmp_path)
    counted = sql(
        "SELECT validator_hotkey, count(*), count(CASE WHEN state = 'accepted' THEN 1 END),"
        " count(CASE WHEN state = 'rejected' THEN 1 END),"
        " count(CASE WHEN state = 'handed_back' THEN 1 END),"
        " count(CASE WHEN state = 'failed' THEN 1 END),"
        " avg(local_score), sum(generation_s),"
        " avg(CASE WHEN state = 'accepted' THEN task_fidelity_score END)"
        " FROM tasks WHERE finished_at >= '2026-11-23 00:00+00' AND finished_at < '2026-11-24 00:00+00'"
        " GROUP BY validator_hotkey"
    )
    assert len(rewards) == len(counted) == 2
    names = ["tasks", "accepted", "rejected", "handed_back", "failed", "mean_local_score", "generation_s"]
    names += ["mean_fidelity"]
    for hotkey, *expected in counted:
        row = rewards[rewards["validator_hotkey"] == hotkey].iloc[0]
        # SQL says NULL where no task of the validator was judged, the report says NaN.
        for name, value in zip(names, expected, strict=True):
            assert row[name] == pytest.approx(float("nan") if value is None else value, nan_ok=True), name
    assert rewards["tasks"].sum() == 15


def test_validators_agree_with_sql(
    history: History, ledger: SqlReportQueries, tmp_path: Path, sql: Callable[[str], Sequence[Sequence[Any]]]
) -> None:
    a_varied_day(history)
    validators = frame(ledger, "validators", tmp_path).set_index("hotkey")
    counted = sql(
        "SELECT validator_hotkey, count(*), count(CASE WHEN state = 'accepted' THEN 1 END),"
        " count(CASE WHEN state = 'handed_back' THEN 1 END),"
        " count(CASE WHEN state IN ('accepted', 'rejected') THEN 1 END) FROM tasks GROUP BY validator_hotkey"
    )
    assert len(validators) == len(counted)
    for hotkey, received, accepted, handed_back, submitted in counted:
        row = validators.loc[hotkey]
        assert row["total_tasks_received"] == received
        assert row["total_successful_submissions"] == accepted
        assert row["total_handed_back"] == handed_back
        assert row["success_rate"] == pytest.approx(accepted / submitted)
    assert list(validators["stake"]) == [7000.0, 5000.0], "the highest stake first"


def test_tasks_agree_with_sql(
    history: History, ledger: SqlReportQueries, tmp_path: Path, sql: Callable[[str], Sequence[Sequence[Any]]]
) -> None:
    a_varied_day(history)
    tasks = frame(ledger, "tasks", tmp_path)
    stored = sql(
        "SELECT key, state, local_score, task_fidelity_score, splat_count, reason FROM tasks"
        " WHERE pulled_at >= '2026-11-23 00:00+00' AND pulled_at < '2026-11-24 00:00+00' ORDER BY key"
    )
    assert len(tasks) == len(stored) == 15
    names = ["key", "state", "local_score", "task_fidelity_score", "splat_count", "reason"]
    for (_, row), values in zip(tasks.iterrows(), stored, strict=True):
        assert [None if pd.isna(row[name]) else row[name] for name in names] == list(values)


@pytest.mark.parametrize(
    ("name", "columns"),
    [("rewards", REWARD_COLUMNS), ("validators", VALIDATOR_COLUMNS), ("tasks", TASK_COLUMNS)],
)
def test_an_empty_store_gives_whole_reports(
    ledger: SqlReportQueries, tmp_path: Path, name: str, columns: dict[str, str]
) -> None:
    for form in ("csv", "parquet", "json", "html"):
        write_report(ledger, name, *DAY, tmp_path / f"{name}.{form}")
    assert list(pd.read_parquet(tmp_path / f"{name}.parquet").columns) == list(columns)
    assert (tmp_path / f"{name}.csv").read_text().strip() == ",".join(columns)
    assert json.loads((tmp_path / f"{name}.json").read_text()) == []
    page = (tmp_path / f"{name}.html").read_text()
    assert page.count("<svg") == len(REPORTS[name].charts)
    assert "<rect" not in page, "no chart draws anything"
    assert page.count("nothing yet") == 1, "nor has the table a row"


@pytest.mark.parametrize("prompt", HOSTILE)
def test_a_hostile_prompt_is_a_text_in_every_form(
    history: History, ledger: SqlReportQueries, tmp_path: Path, prompt: str
) -> None:
    history.answered(prompt)
    history.handed_back(prompt)
    for form in ("csv", "parquet", "json", "html"):
        write_report(ledger, "tasks", *DAY, tmp_path / f"tasks.{form}")
    stored = pd.read_parquet(tmp_path / "tasks.parquet")
    assert stored["prompt"][0] == prompt
    assert stored["reason"][1] == prompt
    assert json.loads((tmp_path / "tasks.json").read_text())[0]["prompt"] == prompt
    text = (tmp_path / "tasks.csv").read_bytes().decode()
    cell = next(csv.DictReader(io.StringIO(text, newline="")))["prompt"]
    assert cell in {prompt, f"'{prompt}"}
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    page = (tmp_path / "tasks.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "<img" not in page
    assert "onerror=alert(2)>" not in page
    assert "\u202e" not in page, "no mark turns the text of the page around"
    assert page.count("</style>") == 1
    assert page.count("</title>") == 1 + page.count("<title>", page.index("<body>"))
    assert page.count("</table>") == page.count("<table>")


def test_a_picture_s_prompt_is_its_hash(history: History, ledger: SqlReportQueries, tmp_path: Path) -> None:
    task = history.answered("aW1hZ2U=", kind=TaskKind.IMAGE)
    assert frame(ledger, "tasks", tmp_path)["prompt"][0] == f"image:{task.prompt_sha256}"


def test_nan_scores_are_missing_values(
    history: History, ledger: SqlReportQueries, tmp_path: Path, store: SqlStore
) -> None:
    history.answered(score=None, fidelity=float("nan"))
    history.answered(score=0.5, fidelity=0.75)
    for form in ("csv", "parquet", "json", "html"):
        write_report(ledger, "tasks", *DAY, tmp_path / f"tasks.{form}")
        write_report(ledger, "rewards", *DAY, tmp_path / f"rewards.{form}")
    assert json.loads((tmp_path / "tasks.json").read_text())[0]["local_score"] is None
    assert json.loads((tmp_path / "rewards.json").read_text())[0]["mean_fidelity"] == 0.75
    assert "nan" not in (tmp_path / "tasks.html").read_text().lower().replace("nano", "")
    assert store.statistics.snapshot(None, NOW).totals.total_fidelity == 0.75


def test_all_failed_is_a_report_too(history: History, ledger: SqlReportQueries, tmp_path: Path) -> None:
    for _ in range(3):
        history.failed("no server: refused")
    rewards = frame(ledger, "rewards", tmp_path)
    assert list(rewards["failed"]) == [3]
    assert rewards["standing"].isna().all()
    write_report(ledger, "rewards", *DAY, tmp_path / "rewards.html")
    assert "no server" in (tmp_path / "rewards.html").read_text()


def test_reasons_are_counted_without_their_particulars(history: History, ledger: SqlReportQueries) -> None:
    a_varied_day(history)
    counted = dict(ledger.reasons(*DAY))
    assert counted == {
        "duplicate of task 3": 1,
        "duplicate of task 4": 1,
        "low score": 1,
        "no generation server answers": 1,
    }


def test_pieces_of_a_large_table_make_one_file(
    history: History, ledger: SqlReportQueries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The first piece has no score at all, the second has: types must not depend on values.
    monkeypatch.setattr("trellis_assets.adapters.storage.report_queries.CHUNK_ROWS", 3)
    for _ in range(3):
        history.failed("no server")
    for _ in range(4):
        history.answered()
    tasks = frame(ledger, "tasks", tmp_path)
    assert list(tasks["key"]) == list(range(1, 8))
    assert tasks["local_score"].count() == 4
    write_report(ledger, "tasks", *DAY, tmp_path / "tasks.csv")
    assert len((tmp_path / "tasks.csv").read_text().splitlines()) == 8


def test_a_file_is_whole_or_as_it_was(
    ledger: SqlReportQueries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rewards.csv"
    write_report(ledger, "rewards", *DAY, path)
    before = path.read_bytes()
    monkeypatch.setattr(ledger, "rewards", lambda *_: (_ for _ in ()).throw(RuntimeError("gone")))
    with pytest.raises(RuntimeError):
        write_report(ledger, "rewards", *DAY, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir() if "rewards" in p.name] == ["rewards.csv"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "wages"}, "there is no report 'wages': choose one of rewards, validators, tasks"),
        ({"form": "xlsx"}, "there is no format 'xlsx': choose one of"),
        ({"since": "yesterday"}, "--from 'yesterday' is not a day: give one like 2026-11-23"),
        ({"until": "2026-13-01"}, "--to '2026-13-01' is not a day"),
        ({"since": "2026-11-24", "until": "2026-11-23"}, "is after"),
        ({"out": Path("/proc/none/report.csv")}, "cannot be written"),
    ],
)
def test_what_cannot_be_reported_is_said_clearly(
    ledger: SqlReportQueries, options: dict[str, Any], message: str
) -> None:
    wanted = {"name": "rewards", "since": None, "until": None, "form": "csv", "out": None} | options
    with pytest.raises(SettingsError, match=message.replace("(", r"\(")):
        report_to(ledger, wanted.pop("name"), now=NOW, **wanted)


def test_days_include_the_last_and_default_to_a_week() -> None:
    assert span("2026-11-20", "2026-11-21", NOW) == (
        datetime(2026, 11, 20, tzinfo=UTC),
        datetime(2026, 11, 22, tzinfo=UTC),
    )
    assert span(None, None, NOW) == (datetime(2026, 11, 17, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC))


def test_a_report_goes_to_standard_output_or_to_a_file(
    history: History, ledger: SqlReportQueries, tmp_path: Path
) -> None:
    a_varied_day(history)
    given: dict[str, Any] = {"since": None, "until": None, "now": NOW}
    text = report_to(ledger, "rewards", form="csv", out=None, **given)
    assert text.decode().splitlines()[0].startswith("miner_hotkey,validator_hotkey")
    out = tmp_path / "new folder" / "r.parquet"
    said = report_to(ledger, "rewards", form="parquet", out=out, **given)
    assert said.decode() == f"{out}: 2 rows\n"
    assert len(pd.read_parquet(out)) == 2
    assert report_to(ledger, "rewards", form="parquet", out=None, **given)[:4] == b"PAR1"
