"""Build the local subnet from the settings and run it."""

import signal
import threading
from collections.abc import Sequence

from trellis_assets.adapters.bittensor.wallet import load_hotkey
from trellis_assets.adapters.local_subnet.subnet import SubnetConfig, run_subnet
from trellis_assets.adapters.local_subnet.validator import Faults
from trellis_assets.adapters.prompt_lists import default_pictures, read_prompts
from trellis_assets.adapters.validation.embedded.validator import EmbeddedValidator
from trellis_assets.settings import Settings
from trellis_assets.system.clock import SystemClock


def serve_local_subnet(
    settings: Settings,
    miner_hotkeys: Sequence[str],
    *,
    answer_delay_s: float = 0.0,
    pull_delay_s: float = 0.0,
) -> None:
    """Serve the local subnet until SIGINT, SIGTERM or SIGHUP.

    Args:
        settings: as loaded.
        miner_hotkeys: ss58 addresses that are registered besides our own.
        answer_delay_s: seconds from the decision on a submission to its answer, as with real validators.
        pull_delay_s: seconds from a pull to its response, as on a network.

    Raises:
        SettingsError: the prompts file cannot be used.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    local = settings.changed(network="local")
    # Started by `mine`, it gets our address and has no key.
    ours = settings.network.miner_hotkey or str(load_hotkey(local.network).ss58_address)
    prompts_file = settings.network.subnet_prompts_file
    config = SubnetConfig(
        folder=local.storage.subnet_folder,
        prompts=read_prompts(prompts_file),
        # A list of the user's own is used as it is.
        pictures=default_pictures() if prompts_file is None else (),
        registered=frozenset({ours, *miner_hotkeys}),
        validators=settings.network.subnet_validators,
        faults=Faults(submit_delay_s=answer_delay_s, pull_delay_s=pull_delay_s),
    )
    run_subnet(config, lambda: EmbeddedValidator(SystemClock()), stop)
