"""The code location starts with no secret, GPU or network, and looks as expected."""

import re
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from trellis_assets.definitions import defs

ROOT = Path(__file__).parents[2]


def test_the_definitions_are_exactly_these() -> None:
    repository = defs.get_repository_def()
    jobs = {name for name in repository.job_names if not name.startswith("__")}
    assert jobs == {
        "mine_task_job",
        "maintain_store_job",
        "export_statistics_job",
        "refresh_validators_job",
        "publish_reports_job",
        "validate_idle_job",
        "explore_recipes_job",
        "record_earnings_job",
    }
    assert {s.name for s in repository.sensor_defs} == {"task_sensor", "failure_sensor", "first_look_sensor"}
    assert {s.name: s.cron_schedule for s in repository.schedule_defs} == {
        "export_statistics_job_ten_minutely_schedule": "*/10 * * * *",
        "maintain_store_job_hourly_schedule": "7 * * * *",
        "refresh_validators_job_hourly_schedule": "23 * * * *",
        "publish_reports_job_hourly_schedule": "41 * * * *",
        "validate_idle_job_five_minutely_schedule": "*/5 * * * *",
        "explore_recipes_job_ten_minutely_schedule": "3-59/10 * * * *",
        "record_earnings_job_hourly_schedule": "3 * * * *",
    }


def test_lineage_and_partitions_are_those_of_the_documented_table() -> None:
    text = (ROOT / "docs" / "assets.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([\w ]*?) ?\| ?([`\w, ]*?) ?\|", text, re.MULTILINE)
    documented = {name: (partitions, set(re.findall(r"\w+", parents))) for name, partitions, parents in rows}
    graph = defs.resolve_asset_graph()
    named = {None: "", "HourlyPartitionsDefinition": "hour", "DailyPartitionsDefinition": "day"}
    defined = {}
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        partitions = type(node.partitions_def).__name__ if node.partitions_def else None
        parents = {parent.to_user_string() for parent in node.parent_keys}
        defined[key.to_user_string()] = (named[partitions], parents)
    assert {name: row for name, row in documented.items() if name in defined} == defined


def test_every_asset_has_a_group_an_owner_kinds_and_a_description() -> None:
    graph = defs.resolve_asset_graph()
    nodes = [graph.get(key) for key in graph.get_all_asset_keys()]
    bare = [n.key for n in nodes if not (n.owners and n.kinds and n.description)]
    assert bare == []
    assert "default" not in {n.group_name for n in nodes}


def test_sensor_and_schedules_run_without_being_switched_on() -> None:
    repository = defs.get_repository_def()
    assert all(s.default_status is dg.DefaultSensorStatus.RUNNING for s in repository.sensor_defs)
    assert all(s.default_status is dg.DefaultScheduleStatus.RUNNING for s in repository.schedule_defs)


def test_the_job_is_generate_validate_submit() -> None:
    job = defs.get_repository_def().get_job("mine_task_job")
    assert [node.name for node in job.nodes_in_topological_order] == ["generate", "validate", "submit"]


def test_every_definition_has_a_description() -> None:
    repository = defs.get_repository_def()
    described = [*repository.sensor_defs, *repository.schedule_defs]
    described += [j for j in repository.get_all_jobs() if not j.name.startswith("__")]
    assert [d.name for d in described if not d.description] == []


HEAVY = {
    *("torch", "bittensor", "numba", "scipy", "PIL"),
    *("pandas", "pyarrow", "matplotlib", "sqlalchemy", "alembic", "fastapi", "aiohttp"),
}


@pytest.mark.parametrize(
    ("code", "unwanted"),
    [
        pytest.param("import trellis_assets.definitions", HEAVY, id="definitions"),
        pytest.param(
            "import trellis_assets.cli",
            HEAVY | {"dagster", "numpy", "pydantic"},
            id="the command line's help",
        ),
    ],
)
def test_what_starts_often_imports_nothing_heavy(code: str, unwanted: set[str]) -> None:
    code = f"import sys; {code}; print(*sorted({unwanted!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == []


def test_the_docs_name_every_definition_and_setting() -> None:
    from trellis_assets.settings import FIELDS

    text = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md"))
    repository = defs.get_repository_def()
    names = [*(s.name for s in repository.sensor_defs), *(s.name for s in repository.schedule_defs)]
    names += [name for name in repository.job_names if not name.startswith("__")]
    names += [key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()]
    names += [key.name for key in defs.resolve_asset_graph().asset_check_keys]
    names += [f"TRELLIS_{name.upper()}" for name in FIELDS]
    assert [name for name in names if f"`{name}`" not in text] == []
