"""Health checks of the wallet, our registration on the subnet, and the validators."""

import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from trellis_assets.adapters.bittensor.metagraph import read_metagraph
from trellis_assets.adapters.bittensor.wallet import WalletError, find_wallet
from trellis_assets.diagnostics.chain_checks import age_in_words, check_chain
from trellis_assets.diagnostics.machine_checks import CheckContext
from trellis_assets.domain.diagnostics import CheckResult, Health
from trellis_assets.domain.validators import EligibilityPolicy, Validator, is_eligible
from trellis_assets.ports import MetagraphError
from trellis_assets.settings import Settings

_REACH_S = 3.0
# Shorter than the doctor's own time-out, so that the chain's fault is named.
_CHAIN_S = 22.0
# Enough to tell a broken network from a broken validator.
_REACHED = 16


def check_wallet(context: CheckContext) -> list[CheckResult]:
    """Return whether there is a key to sign with."""
    settings = context.settings
    if not settings.mining.harvest:
        return [CheckResult("wallet", Health.OK, "not needed: TRELLIS_HARVEST is off")]
    try:
        if not context.reads_key:
            return [CheckResult("wallet", Health.OK, f"there is {find_wallet(settings.network)}")]
        return [CheckResult("wallet", Health.OK, f"hotkey {context.pipeline.network.miner_hotkey}")]
    except WalletError as error:
        return [CheckResult("wallet", Health.FAILED, str(error), "see docs/operating.md, Settings")]


def check_subnet(context: CheckContext) -> list[CheckResult]:
    """Return the list of neurons, our registration, and whether validators can be reached."""
    settings = context.settings
    if not settings.mining.harvest:
        return []
    stored = _stored_list(context)
    if stored is not None:
        neurons, how = stored
    else:
        how = ""
        try:
            neurons = read_metagraph(settings, deadline_s=_CHAIN_S)
        except MetagraphError as error:
            advice = (
                "start `trellis-assets mine` or `subnet`"
                if settings.network.is_local
                else "see TRELLIS_NETWORK"
            )
            return [CheckResult("subnet", Health.FAILED, str(error), advice)]
    mine = _own_hotkey(context)
    subnet = CheckResult(
        "subnet", Health.OK, f"{len(neurons)} neurons on {settings.network.display_name}{how}"
    )
    outage = [result for result in check_chain(context) if result.part == "chain"] if stored else []
    return [subnet, *outage, _registration(settings, neurons, mine), _validators(settings, neurons, mine)]


def _stored_list(context: CheckContext) -> tuple[Sequence[Validator], str] | None:
    """Return the list that the miner read, with its age; None where the chain must be read.

    Processes that do not sign read no chain: a monitor would read it a thousand times a day.
    """
    settings = context.settings
    if context.reads_key or settings.network.chain_endpoint is None:
        return None
    store = context.pipeline.store
    listed, saved_at = store.validators.listed()
    if (
        saved_at is None
        or not listed
        or not store.validators.metagraph_read(settings.network.metagraph_source).is_current
    ):
        return None
    return listed, f", read {age_in_words(saved_at, context.pipeline.clock.now())} ago"


def _own_hotkey(context: CheckContext) -> str | None:
    if context.settings.network.miner_hotkey or not context.reads_key:
        return context.settings.network.miner_hotkey
    try:
        return context.pipeline.network.miner_hotkey
    except WalletError:
        return None


def _registration(settings: Settings, neurons: Sequence[Validator], mine: str | None) -> CheckResult:
    if settings.metagraph_file is not None:
        return CheckResult("registration", Health.OK, "a metagraph file lists validators only")
    if mine is None:
        advice = "run `trellis-assets doctor` where the wallet is"
        return CheckResult("registration", Health.WARNING, "our hotkey is not known here", advice)
    if any(neuron.hotkey == mine for neuron in neurons):
        return CheckResult("registration", Health.OK, "the hotkey is registered")
    text = f"the hotkey {mine} is not registered on subnet {settings.network.netuid}, so nothing is polled"
    return CheckResult("registration", Health.FAILED, text, settings.network.registration_command)


def _validators(settings: Settings, neurons: Sequence[Validator], mine: str | None) -> CheckResult:
    policy = EligibilityPolicy(settings.network.min_stake, settings.network.require_permit)
    eligible = [neuron for neuron in neurons if is_eligible(neuron, policy, mine or "")]
    if not eligible:
        advice = (
            "lower TRELLIS_MIN_STAKE (stake weight: alpha plus a share of TAO, not TAO), or unset "
            "TRELLIS_REQUIRE_PERMIT"
        )
        return CheckResult(
            "validators", Health.FAILED, "no validator is eligible: none passes stake and permit", advice
        )
    tried = eligible[:_REACHED]
    with ThreadPoolExecutor(_REACHED) as callers:
        reached = sum(callers.map(_is_reachable, tried))
    text = f"{len(eligible)} may be polled, {reached} of {len(tried)} are reachable"
    if reached == 0:
        return CheckResult("validators", Health.FAILED, text, "check this machine's network and firewall")
    return CheckResult("validators", Health.OK, text)


def _is_reachable(neuron: Validator) -> bool:
    try:
        with socket.create_connection((neuron.ip, neuron.port), timeout=_REACH_S):
            return True
    except OSError:
        return False
