"""Health checks of this machine and of the services that mining uses."""

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from trellis_assets.adapters.http_client import shown_url
from trellis_assets.composition import Pipeline
from trellis_assets.domain.diagnostics import CheckResult, Health, describe_orientation, judge_generator
from trellis_assets.domain.endpoints.endpoints import Endpoint
from trellis_assets.domain.server_backends import SERVER_BACKENDS
from trellis_assets.domain.tasks import printable
from trellis_assets.ports import DeclaresOrientation, Generator, StoredFileError, StoreError
from trellis_assets.settings import (
    GeneratorBackend,
    Settings,
    ValidatorBackend,
)

_ANSWER_S, _ANSWER_BYTES = 3.0, 10_000
_GPU_S = 20.0


@dataclass(frozen=True, slots=True)
class CheckContext:
    """What the checks examine; `reads_key` in processes that may open the wallet."""

    pipeline: Pipeline
    reads_key: bool

    @property
    def settings(self) -> Settings:
        """Return the miner's settings."""
        return self.pipeline.settings


def check_store(context: CheckContext) -> list[CheckResult]:
    """Return whether the store opens and answers, with the number of its tasks."""
    try:
        tasks = sum(context.pipeline.store.statistics.count_by_state().values())
    except StoreError as error:
        advice = "see docs/operating.md, Backup, and docs/scaling.md, PostgreSQL"
        return [CheckResult("store", Health.FAILED, str(error), advice)]
    return [CheckResult("store", Health.OK, f"{tasks} tasks")]


def check_files(context: CheckContext) -> list[CheckResult]:
    """Return whether model files can be written and read."""
    where = context.settings.storage.files_url or str(context.settings.storage.folder)
    try:
        context.pipeline.check_files()
    except (StoreError, StoredFileError) as error:
        return [CheckResult("files", Health.FAILED, str(error), "see docs/scaling.md, Files")]
    return [CheckResult("files", Health.OK, f"{where} can be written and read")]


def check_disk(context: CheckContext) -> list[CheckResult]:
    """Return whether there is space on the disk of the data folder."""
    return [context.pipeline.disk()]


def check_generator(context: CheckContext) -> list[CheckResult]:
    """Return whether an endpoint would generate now, and a result for each endpoint that fails."""
    generator, clock = context.pipeline.generator, context.pipeline.clock
    probes, now = generator.probe(), clock.now()
    try:
        endpoints = context.pipeline.store.endpoints.named(generator.endpoints)
    except StoreError:
        endpoints = []  # that has a result of its own; endpoints can be probed without it
    found = judge_generator(generator.name, probes, endpoints, now)
    return [*found, *_orientations(context.settings, generator, endpoints)]


def _orientations(
    settings: Settings, generator: Generator, endpoints: Sequence[Endpoint]
) -> list[CheckResult]:
    """Return which way up the models of each generation server are taken to stand."""
    if not isinstance(generator, DeclaresOrientation):
        return []
    chosen = settings.generation.orientations(generator.endpoints)
    lines = (
        describe_orientation(
            endpoint, chosen.get(endpoint.name), is_judged=settings.validation.validate_models
        )
        for endpoint in endpoints
    )
    return [line for line in lines if line is not None]


def check_validation(context: CheckContext) -> list[CheckResult]:
    """Return whether a model would be scored now, found by trying."""
    settings = context.settings
    if not settings.validation.validate_models:
        return [CheckResult("validation", Health.OK, "off: models are submitted without a score")]
    problem = context.pipeline.validator.problem()
    if problem is None:
        where = "in the runs themselves"
        if settings.validation.validator is ValidatorBackend.HTTP:
            where = f"{shown_url(settings.validation.validator_url)} answers"
        return [CheckResult("validation", Health.OK, f"{settings.validation.validator}: {where}")]
    later = (
        "nothing is pulled meanwhile (TRELLIS_REQUIRE_VERDICT)"
        if settings.validation.require_verdict
        else "models are submitted unjudged meanwhile, and scored when idle"
    )
    mend = (
        "start the server, or check its log and token"
        if settings.validation.validator is ValidatorBackend.HTTP
        else "see docs/validation.md, The neural validator"
    )
    return [CheckResult("validation", Health.FAILED, printable(problem, 500), f"{mend}: {later}")]


def check_gpu(context: CheckContext) -> list[CheckResult]:
    """Return what the GPU's driver says. A missing driver fails only where a backend needs one."""
    settings = context.settings
    serves = settings.servers.start_server or settings.generation.generator is GeneratorBackend.HTTP
    wants = settings.validation.validator is ValidatorBackend.NEURAL or (
        serves and SERVER_BACKENDS[settings.servers.server_backend].uses_gpu
    )
    tool = shutil.which("nvidia-smi")
    if tool is None:
        health = Health.FAILED if wants else Health.OK
        advice = "install NVIDIA's driver, or choose embedded backends" if wants else ""
        text = "there is no NVIDIA driver" + ("" if wants else ": not needed")
        return [CheckResult("gpu", health, text, advice)]
    query = [tool, "--query-gpu=name,memory.used,memory.total", "--format=csv,noheader"]
    broken = Health.FAILED if wants else Health.WARNING
    advice = "run nvidia-smi and repair the driver"
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=_GPU_S, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        return [CheckResult("gpu", broken, f"nvidia-smi does not answer: {type(error).__name__}", advice)]
    said = printable("; ".join(done.stdout.strip().splitlines()), 300)
    if done.returncode:
        return [CheckResult("gpu", broken, said, advice)]
    return [CheckResult("gpu", Health.OK, said)]
