"""The doctor: every part that can be unwell is found, with what to do; no look hides another or hangs."""

import json
import socket
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from filelock import FileLock
from typer.testing import CliRunner

from trellis_assets.adapters.bittensor import wallet
from trellis_assets.adapters.validation.neural.validator import NeuralValidator
from trellis_assets.cli import app
from trellis_assets.composition import Pipeline
from trellis_assets.diagnostics import doctor, machine_checks, subnet_checks
from trellis_assets.diagnostics.doctor import CachedDiagnostics, examine
from trellis_assets.domain.diagnostics import CheckResult, Health
from trellis_assets.domain.validators import Validator
from trellis_assets.ports import MetagraphError
from trellis_assets.servers.gallery.run import guarded_gallery
from trellis_assets.settings import Settings
from trellis_assets.supervisor.errors import MiningError
from trellis_assets.supervisor.instance_lock import single_instance_lock
from trellis_assets.testing.fakes import MINER, a_validator
from trellis_assets.testing.hostile_server import serving
from trellis_assets.testing.waiting import wait_until

CLOSED = 9  # a port that nobody listens onfrom trellis_assets.testing.waiting import wait_until


@pytest.fixture
def door() -> Iterator[int]:
    """Yield the port of a validator that takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def with_metagraph(folder: Path, *neurons: Validator, **changes: Any) -> Settings:
    fields = ("uid", "hotkey", "ip", "port", "stake", "validator_permit")
    entries = [{name: getattr(neuron, name) for name in fields} for neuron in neurons]
    (folder / "subnet").mkdir(exist_ok=True)
    (folder / "subnet" / "metagraph.json").write_text(json.dumps(entries))
    return Settings.load(data_dir=folder, **changes)


def found(settings: Settings, **how: Any) -> dict[str, CheckResult]:
    return {result.part: result for result in examine(settings, **how)}


def test_every_check_but_mining_passes_for_a_healthy_set_up(tmp_path: Path, door: int) -> None:
    results = found(with_metagraph(tmp_path, a_validator(port=door)))
    parts = ["store", "files", "disk", "wallet", "subnet", "registration", "validators"]
    assert list(results) == [*parts, "generator", "recipes", "validation", "policy", "gpu", "mining", "clock"]
    unwell = {part for part, result in results.items() if result.health is not Health.OK}
    assert unwell == {"mining"}, "nobody mines yet"
    assert "1 of 1" in results["validators"].text
    assert "trellis-assets mine" in results["mining"].advice


def test_missing_metagraph_is_reported_with_the_command_to_start(tmp_path: Path) -> None:
    result = found(Settings.load(data_dir=tmp_path))["subnet"]
    assert result.health is Health.FAILED
    assert "trellis-assets mine" in result.advice


def test_settings_are_named_when_no_validator_is_eligible(tmp_path: Path) -> None:
    poor, unpermitted = a_validator(1, stake=10.0), a_validator(2, validator_permit=False)
    result = found(with_metagraph(tmp_path, poor, unpermitted))["validators"]
    assert result.health is Health.FAILED
    assert "TRELLIS_MIN_STAKE" in result.advice


def test_unreachable_validators_fail_the_check_unless_one_answers(tmp_path: Path, door: int) -> None:
    away, there = a_validator(1, port=CLOSED), a_validator(2, port=door)
    assert found(with_metagraph(tmp_path, away))["validators"].health is Health.FAILED
    some = found(with_metagraph(tmp_path, away, there))["validators"]
    assert some.health is Health.OK
    assert "1 of 2" in some.text


def test_missing_wallet_is_reported_beside_the_other_checks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subnet_checks, "read_metagraph", lambda _, **_how: [a_validator(port=CLOSED)])
    settings = Settings.load(data_dir=tmp_path, network="finney", wallet_path=tmp_path / "none")
    results = found(settings)
    assert results["wallet"].health is Health.FAILED
    assert "btcli wallet new-hotkey" in results["wallet"].text
    assert results["subnet"].health is Health.OK, "the list of neurons needs no wallet"
    assert results["registration"].health is Health.WARNING


@pytest.mark.parametrize(("hotkey", "health"), [(MINER, Health.OK), ("5Another", Health.FAILED)])
def test_unregistered_hotkey_is_reported_with_the_command_that_registers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hotkey: str, health: Health
) -> None:
    neurons = [a_validator(1), a_validator(2, hotkey=MINER)]
    monkeypatch.setattr(subnet_checks, "read_metagraph", lambda _, **_how: neurons)
    settings = Settings.load(data_dir=tmp_path, network="finney", netuid=89, miner_hotkey=hotkey)
    result = found(settings, reads_key=False)["registration"]
    assert result.health is health
    command = "btcli subnets register --netuid 89 --network finney --wallet-name default --hotkey default"
    assert result.advice == ("" if health is Health.OK else command)


def test_unreachable_chain_is_reported_without_its_access_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import bittensor as bt

    def away(network: str) -> None:
        raise ConnectionError(f"no answer from {network}")

    monkeypatch.setattr(bt, "Subtensor", away)
    settings = Settings.load(data_dir=tmp_path, network="wss://chain.example:443/SECRETKEY")
    result = found(settings)["subnet"]
    assert result.health is Health.FAILED
    assert "wss://chain.example:443" in result.text
    assert "SECRETKEY" not in result.text


def test_processes_that_do_not_sign_read_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(_: Settings) -> None:
        raise AssertionError("the key was read")

    monkeypatch.setattr(wallet, "load_hotkey", read)
    monkeypatch.setattr("trellis_assets.adapters.bittensor.client.load_hotkey", read)
    hotkey = tmp_path / "w" / "default" / "hotkeys" / "default"
    hotkey.parent.mkdir(parents=True)
    hotkey.write_text("{}")
    monkeypatch.setattr(subnet_checks, "read_metagraph", lambda _, **_how: [a_validator()])
    settings = Settings.load(data_dir=tmp_path, network="finney", wallet_path=tmp_path / "w")
    results = found(settings, reads_key=False)
    assert results["wallet"].health is Health.OK
    assert results["registration"].health is Health.WARNING
    assert found(settings)["wallet"].text.endswith("AssertionError"), "and where it is, it is read"


def test_wallet_and_subnet_are_not_checked_without_harvesting(tmp_path: Path) -> None:
    results = found(Settings.load(data_dir=tmp_path, harvest=False))
    assert results["wallet"].health is Health.OK
    assert not {"subnet", "registration", "validators"} & set(results)


@pytest.mark.sqlite_only
def test_store_of_a_newer_version_fails_the_check(tmp_path: Path) -> None:
    settings = Settings.load(data_dir=tmp_path)
    Pipeline(settings).store.statistics.count_by_state()
    with closing(sqlite3.connect(tmp_path / "trellis.db")) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.commit()
    result = found(settings)["store"]
    assert result.health is Health.FAILED
    assert "newer version" in result.text


@pytest.mark.sqlite_only
def test_store_that_is_not_a_database_fails_the_check(tmp_path: Path) -> None:
    (tmp_path / "trellis.db").write_bytes(b"nonsense" * 1000)
    assert found(Settings.load(data_dir=tmp_path))["store"].health is Health.FAILED


def test_password_of_the_database_is_not_shown(tmp_path: Path) -> None:
    url = "postgresql+psycopg://me:SECRETKEY@127.0.0.1:9/x"
    result = found(Settings.load(data_dir=tmp_path, database_url=url))["store"]
    assert result.health is Health.FAILED
    assert "SECRETKEY" not in str(result)


@pytest.mark.parametrize(("free", "health"), [(10**9, Health.WARNING), (10**6, Health.FAILED)])
def test_little_space_warns_and_a_full_disk_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, health: Health
) -> None:
    usage = type("Usage", (), {"free": free})
    monkeypatch.setattr(machine_checks.shutil, "disk_usage", lambda _: usage)
    assert found(Settings.load(data_dir=tmp_path))["disk"].health is health


def test_unreachable_generation_server_is_reported_without_its_password(tmp_path: Path) -> None:
    url = f"http://me:SECRETKEY@127.0.0.1:{CLOSED}"
    result = found(Settings.load(data_dir=tmp_path, generator="http", generator_urls=(url,)))["generator"]
    assert result.health is Health.FAILED
    assert "SECRETKEY" not in str(result)


@pytest.mark.parametrize("name", ["generator", "validator"])
def test_invalid_url_is_reported_with_its_setting(tmp_path: Path, name: str) -> None:
    wrong: dict[str, Any] = (
        {"generator_urls": ("http://",)} if name == "generator" else {"validator_url": "http://"}
    )
    results = found(Settings.load(data_dir=tmp_path, **{name: "http"}, **wrong))
    result = results["generator" if name == "generator" else "validation"]
    assert result.health is Health.FAILED
    assert f"TRELLIS_{name.upper()}_URL" in result.text


def test_validation_server_is_called_with_its_token(tmp_path: Path) -> None:
    def version(request: Any) -> None:
        allowed = request.headers.get("authorization") == "Bearer t0ken"
        request.answer(b'"2.4.0"', status=200 if allowed else 401)

    with serving(version) as url:
        there = {"data_dir": tmp_path, "validator": "http", "validator_url": url}
        fine = found(Settings.load(**there, server_token="t0ken"))["validation"]
        refused = found(Settings.load(**there, server_token="other"))["validation"]
    there["validator_url"] = "http://me:SECRETKEY@127.0.0.1:9"
    away = found(Settings.load(**there))["validation"]
    assert [s.health for s in (fine, refused, away)] == [Health.OK, Health.FAILED, Health.FAILED]
    assert "401" in refused.text
    assert "SECRETKEY" not in f"{fine}{refused}{away}"


@pytest.mark.parametrize(
    ("required", "consequence"), [(False, "submitted unjudged"), (True, "nothing is pulled")]
)
def test_validation_server_that_cannot_score_fails_the_check(
    tmp_path: Path, required: bool, consequence: str
) -> None:
    def sick(request: Any) -> None:
        request.answer(b'{"status": "unhealthy", "judge": "neural 2.4", "problem": "no space left"}')

    with serving(sick) as url:
        there = {"data_dir": tmp_path, "validator": "http", "validator_url": url}
        result = found(Settings.load(**there, require_verdict=required))["validation"]
    assert result.health is Health.FAILED
    assert "no space left" in result.text
    assert consequence in result.advice


def test_neural_validator_that_cannot_score_fails_the_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NeuralValidator, "problem", lambda _: "the networks cannot be used: OSError: away")
    result = found(Settings.load(data_dir=tmp_path, validator="neural"))["validation"]
    assert (result.health, "cannot be used" in result.text) == (Health.FAILED, True)


def tool(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An nvidia-smi of the test."""
    program = folder / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")


@pytest.mark.parametrize(
    ("script", "validator", "expected"),
    [
        ("echo 'H100, 10 MiB, 80000 MiB'", "neural", (Health.OK, "H100")),
        ("echo 'no devices'; exit 9", "neural", (Health.FAILED, "no devices")),
        ("echo 'no devices'; exit 9", "embedded", (Health.WARNING, "no devices")),
        ("sleep 3", "neural", (Health.FAILED, "does not answer")),
    ],
)
def test_gpu_check_follows_its_driver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, validator: str, expected: tuple[Health, str]
) -> None:
    tool(tmp_path, script, monkeypatch)
    monkeypatch.setattr(machine_checks, "_GPU_S", 0.5)
    monkeypatch.setattr(NeuralValidator, "problem", lambda _: None)
    result = found(Settings.load(data_dir=tmp_path, validator=validator))["gpu"]
    assert result.health is expected[0]
    assert expected[1] in result.text


def test_missing_gpu_fails_only_where_a_backend_needs_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine_checks.shutil, "which", lambda _: None)
    assert found(Settings.load(data_dir=tmp_path))["gpu"].health is Health.OK
    trellis = Settings.load(data_dir=tmp_path, start_server=True, server_backend="trellis")
    assert found(trellis)["gpu"].health is Health.FAILED


def test_daemons_without_heartbeats_fail_the_check_of_mining(tmp_path: Path) -> None:
    from trellis_assets.orchestration.dagster_home import write_dagster_home

    settings = Settings.load(data_dir=tmp_path)
    with single_instance_lock(tmp_path):
        assert "all" in found(settings)["mining"].text, "there is no Dagster home yet"
        write_dagster_home(settings, CLOSED)
        result = found(settings)["mining"]
    assert result.health is Health.FAILED
    assert "SENSOR" in result.text
    assert "daemon.log" in result.advice


def test_miner_may_start_while_the_doctor_holds_the_lock(tmp_path: Path) -> None:
    glance = FileLock(tmp_path / "mine.lock", thread_local=False)
    glance.acquire()
    threading.Timer(0.3, glance.release).start()
    with single_instance_lock(tmp_path):
        assert found(Settings.load(data_dir=tmp_path))["mining"].health is Health.FAILED
    with single_instance_lock(tmp_path), pytest.raises(MiningError), single_instance_lock(tmp_path):
        pass


def test_check_that_hangs_or_raises_hides_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    let_go = threading.Event()

    def hang(_: machine_checks.CheckContext) -> list[CheckResult]:
        let_go.wait()
        return []

    def break_down(_: machine_checks.CheckContext) -> list[CheckResult]:
        raise ZeroDivisionError("SECRETKEY")

    monkeypatch.setitem(doctor._CHECKS, "subnet", hang)
    monkeypatch.setitem(doctor._CHECKS, "generator", break_down)
    results = found(Settings.load(data_dir=tmp_path), timeout_s=1.0)
    let_go.set()
    assert results["subnet"].text == "no answer in time"
    assert "ZeroDivisionError" in results["generator"].text
    assert "SECRETKEY" not in str(results)
    assert results["store"].health is Health.OK


def test_results_are_cached_for_their_time() -> None:
    asked = []

    def look() -> Sequence[CheckResult]:
        asked.append(time.monotonic())
        return [CheckResult("part", Health.OK, str(len(asked)))]

    practice = CachedDiagnostics(look, fresh_s=3600)
    assert practice() == practice()
    practice = CachedDiagnostics(look, fresh_s=0.01)
    first = practice()
    wait_until(lambda: practice() != first)


@pytest.mark.parametrize(("folder", "code"), [("sound", 0), ("unsound", 1)])
def test_doctor_reports_by_exit_code_text_and_json(tmp_path: Path, door: int, folder: str, code: int) -> None:
    (tmp_path / "sound").mkdir()
    with_metagraph(tmp_path / "sound", a_validator(port=door))
    command = ["doctor", "--data-dir", str(tmp_path / folder)]
    done = CliRunner().invoke(app, [*command, "--json"])
    assert done.exit_code == code
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["health"] == ("failed" if code else "warning")
    assert {part["part"] for part in answer["parts"]} >= {"store", "disk", "wallet", "subnet", "mining"}
    text = CliRunner().invoke(app, command)
    assert text.exit_code == code
    assert "-> trellis-assets mine" in text.stdout


@pytest.mark.parametrize(
    ("health", "status"), [(Health.OK, 200), (Health.WARNING, 200), (Health.FAILED, 503)]
)
def test_gallery_answers_with_the_results_of_the_doctor(
    tmp_path: Path, serve: Callable[[Any], str], health: Health, status: int
) -> None:
    parts = Pipeline(Settings.load(data_dir=tmp_path)).reports.gallery_parts(
        lambda: [CheckResult("gpu", health, "text")]
    )
    answer = httpx.get(f"{serve(guarded_gallery(parts, host='127.0.0.1', token=None))}/doctor")
    assert answer.status_code == status
    assert answer.json()["parts"] == [{"part": "gpu", "health": health, "text": "text", "advice": ""}]


def test_other_machines_need_the_token_to_read_the_doctor(
    tmp_path: Path, serve: Callable[[Any], str]
) -> None:
    def look() -> Sequence[CheckResult]:
        asked.append(1)
        return []

    asked: list[int] = []
    parts = Pipeline(Settings.load(data_dir=tmp_path)).reports.gallery_parts(look)
    url = serve(guarded_gallery(parts, host="0.0.0.0", token="t0ken"))
    assert httpx.get(f"{url}/health").json() == {"status": "healthy"}
    assert httpx.get(f"{url}/doctor").status_code == 401
    assert asked == []
    assert httpx.get(f"{url}/doctor", headers={"authorization": "Bearer t0ken"}).status_code == 200


def test_metagraph_error_fails_the_check_of_the_subnet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Settings, **_how: float) -> None:
        raise MetagraphError("no such list")

    monkeypatch.setattr(subnet_checks, "read_metagraph", fail)
    assert found(Settings.load(data_dir=tmp_path, network="test"))["subnet"].advice == "see TRELLIS_NETWORK"
