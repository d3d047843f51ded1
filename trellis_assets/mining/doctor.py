"""A look at every part that mining needs, and what to do about those that are not well."""

import shutil
import socket
import subprocess
from collections.abc import Callable, Sequence

from filelock import FileLock, Timeout

from trellis_assets.adapters.bounded_http import BoundedClient, NoAnswerError
from trellis_assets.composition import Pipeline
from trellis_assets.domain.health import Health, Symptom, judge_generator
from trellis_assets.domain.validators import Validator
from trellis_assets.mining.dagster_home import dagster_home, name_secrets
from trellis_assets.ports import MetagraphError, StoredFileError, StoreError
from trellis_assets.settings import GeneratorBackend, ServerBackendName, Settings, ValidatorBackend

_REACH_S = 3.0
# Enough to tell a broken network from a broken validator.
_REACHED = 16


def examine(settings: Settings) -> list[Symptom]:
    """All symptoms. Nothing is left changed, and no validator is asked for a task."""
    pipeline = Pipeline(settings)
    settings.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    looks: Sequence[Callable[[Pipeline], list[Symptom]]] = (
        _store,
        _files,
        _disk,
        _wallet_and_subnet,
        _generator,
        _validator_service,
        _gpu,
        _mining,
    )
    return [symptom for look in looks for symptom in look(pipeline)]


def _store(pipeline: Pipeline) -> list[Symptom]:
    try:
        tasks = sum(pipeline.store.count_by_state().values())
    except StoreError as error:
        return [
            Symptom(
                "store",
                Health.FAILED,
                str(error),
                "see docs/operating.md, Backup, and docs/scaling.md, PostgreSQL",
            )
        ]
    return [Symptom("store", Health.OK, f"{tasks} tasks")]


def _files(pipeline: Pipeline) -> list[Symptom]:
    where = pipeline.settings.files_url or str(pipeline.settings.folder)
    try:
        pipeline.check_files()
    except (StoreError, StoredFileError) as error:
        return [Symptom("files", Health.FAILED, str(error), "see docs/scaling.md, Files")]
    return [Symptom("files", Health.OK, f"{where} can be written and read")]


def _disk(pipeline: Pipeline) -> list[Symptom]:
    return [pipeline.disk()]


def _wallet_and_subnet(pipeline: Pipeline) -> list[Symptom]:
    from trellis_assets.adapters.network.keys import WalletError

    settings = pipeline.settings
    if not settings.harvest:
        return [Symptom("wallet", Health.OK, "not needed: TRELLIS_HARVEST is off")]
    try:
        mine = pipeline.network.miner_hotkey
    except WalletError as error:
        return [Symptom("wallet", Health.FAILED, str(error))]
    wallet = Symptom("wallet", Health.OK, f"hotkey {mine}")
    try:
        neurons = list(pipeline.network.metagraph())
    except MetagraphError as error:
        advice = "start `trellis-assets mine` or `subnet`" if settings.is_local else "see TRELLIS_NETWORK"
        return [wallet, Symptom("subnet", Health.FAILED, str(error), advice)]
    subnet = Symptom("subnet", Health.OK, f"{len(neurons)} neurons on {settings.network}")
    return [wallet, subnet, _registration(settings, neurons, mine), _validators(settings, neurons)]


def _registration(settings: Settings, neurons: Sequence[Validator], mine: str) -> Symptom:
    if settings.metagraph_file is not None:
        return Symptom("registration", Health.OK, "a metagraph file lists validators only")
    if any(neuron.hotkey == mine for neuron in neurons):
        return Symptom("registration", Health.OK, "the hotkey is registered")
    advice = f"btcli subnet register --netuid {settings.netuid}"
    return Symptom("registration", Health.FAILED, f"{mine} is not registered", advice)


def _validators(settings: Settings, neurons: Sequence[Validator]) -> Symptom:
    asked = [
        neuron
        for neuron in neurons
        if neuron.is_serving
        and neuron.stake >= settings.min_stake
        and (neuron.validator_permit or not settings.require_permit)
    ]
    if not asked:
        advice = "lower TRELLIS_MIN_STAKE, or look at TRELLIS_REQUIRE_PERMIT"
        return Symptom("validators", Health.FAILED, "none passes stake and permit", advice)
    tried = asked[:_REACHED]
    reached = sum(_is_reachable(neuron) for neuron in tried)
    text = f"{len(asked)} may be asked, {reached} of {len(tried)} answer the door"
    if reached == 0:
        return Symptom("validators", Health.FAILED, text, "look at this machine's network and firewall")
    return Symptom("validators", Health.OK, text)


def _is_reachable(neuron: Validator) -> bool:
    try:
        with socket.create_connection((neuron.ip, neuron.port), timeout=_REACH_S):
            return True
    except OSError:
        return False


def _generator(pipeline: Pipeline) -> list[Symptom]:
    generator = pipeline.generator
    probes, now = generator.probe(), pipeline.clock.now()
    try:
        endpoints = pipeline.store.endpoints(generator.endpoints, now)
    except StoreError:
        endpoints = []  # that has a line of its own; the doors can be looked at without it
    return judge_generator(generator.name, probes, endpoints, now)


def _validator_service(pipeline: Pipeline) -> list[Symptom]:
    settings = pipeline.settings
    if settings.validator is not ValidatorBackend.HTTP:
        return [Symptom("validation", Health.OK, f"{settings.validator}, in the runs themselves")]
    url = settings.validator_url
    try:
        BoundedClient(timeout_s=_REACH_S, max_bytes=10_000).get(f"{url}/version/")
    except NoAnswerError as error:
        advice = "start it: models are submitted unjudged meanwhile, and judged when idle"
        return [Symptom("validation", Health.WARNING, str(error), advice)]
    return [Symptom("validation", Health.OK, f"{url} answers")]


def _gpu(pipeline: Pipeline) -> list[Symptom]:
    settings = pipeline.settings
    serves = settings.start_server or settings.generator is GeneratorBackend.HTTP
    wants = settings.validator is ValidatorBackend.NEURAL or (
        serves and settings.server_backend is ServerBackendName.TRELLIS
    )
    tool = shutil.which("nvidia-smi")
    if tool is None:
        health = Health.FAILED if wants else Health.OK
        advice = "install NVIDIA's driver, or choose embedded backends" if wants else ""
        text = "there is no NVIDIA driver" + ("" if wants else ": not needed")
        return [Symptom("gpu", health, text, advice)]
    query = [tool, "--query-gpu=name,memory.used,memory.total", "--format=csv,noheader"]
    done = subprocess.run(query, capture_output=True, text=True, timeout=20, check=False)  # noqa: S603
    if done.returncode:
        return [Symptom("gpu", Health.FAILED, done.stdout.strip()[:200], "look at the driver: nvidia-smi")]
    return [Symptom("gpu", Health.OK, "; ".join(done.stdout.strip().splitlines()))]


def _mining(pipeline: Pipeline) -> list[Symptom]:
    from trellis_assets.defs.daemons import silent_daemons

    settings = pipeline.settings
    if not _is_mining(settings):
        return [Symptom("mining", Health.WARNING, "no miner works on this folder", "trellis-assets mine")]
    home = dagster_home(settings)
    name_secrets(settings)
    silent = silent_daemons(home) if (home / "dagster.yaml").exists() else ["all"]
    if silent:
        advice = f"look at {settings.folder / 'logs' / 'daemon.log'}"
        return [Symptom("mining", Health.FAILED, f"daemons are silent: {', '.join(silent)}", advice)]
    return [Symptom("mining", Health.OK, "the miner and Dagster's daemons are at work")]


def _is_mining(settings: Settings) -> bool:
    lock = FileLock(settings.folder / "mine.lock", timeout=0)
    try:
        with lock:
            return False
    except Timeout:
        return True
