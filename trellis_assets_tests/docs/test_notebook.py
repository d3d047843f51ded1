"""The example notebook runs over a store and its reports, and says what they and the metrics say."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from trellis_assets.adapters.storage.store import SqlStore
from trellis_assets.composition import Pipeline
from trellis_assets.domain.submissions import SubmissionOutcome
from trellis_assets.reports.writing import Format
from trellis_assets.settings import Settings
from trellis_assets.testing.fakes import NOW, a_validator
from trellis_assets_tests.ended_tasks import History

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")
pytestmark = pytest.mark.sqlite_only

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebooks" / "explore.ipynb"
TWO_DAYS = (NOW, NOW + timedelta(days=1))


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    """A store of two days of mining with two validators, and its reports."""
    made = Pipeline(Settings.load(data_dir=tmp_path, env_file=None))
    assert isinstance(made.store, SqlStore)
    made.store.validators.save([a_validator(1), a_validator(2)], NOW)
    history = History(made.store)
    for day in TWO_DAYS:
        for number in range(6):
            history.answered(score=0.5 + number / 15, fidelity=0.7, at=day, validator=a_validator(1))
        history.answered(outcome=SubmissionOutcome.REJECTED, at=day, validator=a_validator(2))
        history.handed_back("duplicate: of an earlier task", at=day)
        history.failed("generation_failed: no server", at=day)
        midnight = day.replace(hour=0, minute=0)
        publisher = made.reports.report_publisher()
        publisher.publish(
            "tasks", midnight, midnight + timedelta(days=1), stem=str(day.date()), formats=[Format.PARQUET]
        )
    return made


def executed(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The notebook after all its cells ran, over the pipeline's folder."""
    monkeypatch.setenv("TRELLIS_DATA_DIR", str(pipeline.settings.storage.folder))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    compared = "live.merge(counted, on='state', how='outer').fillna(0)"
    for table in ("by_validator", compared):
        notebook.cells.append(nbformat.v4.new_code_cell(f"print(({table}).to_csv(index=False))"))
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    return notebook


def printed(cell: Any) -> list[list[str]]:
    (output,) = cell.outputs
    return [line.split(",") for line in output.text.strip().splitlines()]


def exported(pipeline: Pipeline) -> dict[str, float]:
    text, _ = pipeline.reports.gallery_parts().encode_metrics("")
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            if sample.name == "trellis_tasks_settled_total":
                outcome = sample.labels["outcome"]
                found[outcome] = found.get(outcome, 0) + sample.value
    return found


def test_notebook_report_store_and_metrics_agree(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = executed(pipeline, monkeypatch)
    *_, reported, compared = notebook.cells
    names, *validators = printed(reported)
    accepted, rejected = names.index("accepted"), names.index("rejected")
    metrics = exported(pipeline)
    assert sum(int(row[accepted]) for row in validators) == metrics["accepted"] == 12
    assert sum(int(row[rejected]) for row in validators) == metrics["rejected"] == 2
    _, *states = printed(compared)
    assert {state: (float(rows), float(counts)) for state, rows, counts in states} == {
        state: (number, number) for state, number in metrics.items() if number
    }


def test_the_committed_notebook_has_no_outputs() -> None:
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    assert [cell.source[:40] for cell in cells if cell.cell_type == "code" and cell.outputs] == []
