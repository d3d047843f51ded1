"""The key that signs: the only place that reads one."""

from typing import Any

from trellis_assets.settings import Settings


class WalletError(RuntimeError):
    """The hotkey cannot be had; the text says what to do and holds no secret."""


def load_hotkey(settings: Settings) -> Any:
    """The miner's sr25519 keypair: the wallet's hotkey, or a development key locally.

    Raises:
        WalletError: the wallet or its hotkey is not there or cannot be read.
    """
    from trellis_assets.adapters.network.library import bt

    if settings.is_local:
        return bt.Keypair.create_from_uri(settings.dev_hotkey_uri.get_secret_value())
    path = settings.wallet_path.expanduser()
    where = f"wallet {settings.wallet_name!r}, hotkey {settings.wallet_hotkey!r} in {path}"
    wallet = bt.Wallet(name=settings.wallet_name, hotkey=settings.wallet_hotkey, path=str(path))
    if not wallet.hotkey_file.exists_on_device():
        raise WalletError(
            f"there is no {where}: create it with `btcli wallet new_hotkey`, or set "
            "TRELLIS_WALLET_NAME, TRELLIS_WALLET_HOTKEY and TRELLIS_WALLET_PATH"
        )
    try:
        return wallet.hotkey
    except Exception as error:  # noqa: BLE001 - the key file library raises many unrelated types
        # The library's text may quote the file: only its type is passed on.
        raise WalletError(f"the hotkey of {where} cannot be read ({type(error).__name__})") from None
