"""The key that signs: the only place that reads one."""

import os
from typing import Any

from trellis_assets.settings.network import NetworkSettings


class WalletError(RuntimeError):
    """The hotkey cannot be had; the text says what to do and holds no secret."""


def find_wallet(network: NetworkSettings) -> str:
    """Return where the hotkey is, in words; it is not read.

    Raises:
        WalletError: there is no such key.
    """
    if network.is_local:
        return "a development key"
    path = network.wallet_path.expanduser()
    where = f"wallet {network.wallet_name!r}, hotkey {network.wallet_hotkey!r} in {path}"
    if not (path / network.wallet_name / "hotkeys" / network.wallet_hotkey).is_file():
        raise WalletError(
            f"there is no {where}: create it with `btcli wallet new-hotkey`, or set "
            "TRELLIS_WALLET_NAME, TRELLIS_WALLET_HOTKEY and TRELLIS_WALLET_PATH"
        )
    return where


def load_hotkey(network: NetworkSettings) -> Any:
    """Return the miner's sr25519 keypair: the wallet's hotkey, or a development key locally.

    Raises:
        WalletError: the wallet or its hotkey is not there or cannot be read.
    """
    where = find_wallet(network)
    from trellis_assets.adapters.bittensor.import_guard import bt

    # The libraries' texts may quote the key or its file: only the error's type is passed on.
    if network.is_local:
        try:
            return bt.Keypair.create_from_uri(network.dev_hotkey_uri.get_secret_value())
        except Exception as error:  # noqa: BLE001 - see above
            raise WalletError(
                f"TRELLIS_DEV_HOTKEY_URI is no key URI such as //Name ({type(error).__name__})"
            ) from None
    path = network.wallet_path.expanduser()
    wallet = bt.Wallet(name=network.wallet_name, hotkey=network.wallet_hotkey, path=str(path))
    file = wallet.hotkey_file
    try:
        # The library would ask at a terminal for a password that is not in the environment.
        keypair = None if file.is_encrypted() and file.env_var_name() not in os.environ else wallet.hotkey
    except Exception as error:  # noqa: BLE001 - the key file library raises many unrelated types
        raise WalletError(f"the hotkey of {where} cannot be read ({type(error).__name__})") from None
    if keypair is None:
        raise WalletError(
            f"the hotkey of {where} is encrypted, and mining cannot ask for its password: "
            "create the hotkey without one, in a folder that only you can read"
        )
    return keypair
