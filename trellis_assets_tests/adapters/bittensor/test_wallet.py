"""The key: read from a real wallet, and whatever is wrong with it, no word of it is told."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from trellis_assets.adapters.bittensor.wallet import WalletError, load_hotkey
from trellis_assets.settings import Settings

# The well-known development phrase: nobody's money.
WORDS = "bottom drive obey lake curtain smoke basket hold race lonely fit walk"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return a wallet on disk, with the words as its hotkey."""
    import bittensor as bt

    wallet = bt.Wallet(name="miner", hotkey="h1", path=str(tmp_path))
    wallet.regenerate_hotkey(mnemonic=WORDS, use_password=False, overwrite=True, suppress=True)
    return Settings.load(
        network="finney", wallet_name="miner", wallet_hotkey="h1", wallet_path=tmp_path, data_dir=tmp_path
    )


def key_file(settings: Settings) -> Path:
    return settings.network.wallet_path / "miner" / "hotkeys" / "h1"


def secrets_in(text: str) -> list[str]:
    words = [pair for pair in zip(WORDS.split(), WORDS.split()[1:], strict=False) if " ".join(pair) in text]
    return [
        *map(str, words),
        *(secret for secret in ("0xfac7959dbfe72f052e5a0c3c8d6530f2", "hunter2") if secret in text),
    ]


def test_a_wallet_s_hotkey_signs(settings: Settings, caplog: pytest.LogCaptureFixture, capfd: Any) -> None:
    with caplog.at_level(logging.DEBUG):
        keypair = load_hotkey(settings.network)
    assert keypair.ss58_address == "5DfhGyQdFobKM8NsWvEeAKk5EQQgYe9AydgJ7rMB6E1EqRzV"
    assert keypair.verify(b"text", keypair.sign(b"text"))
    assert secrets_in(f"{keypair!r} {keypair} {settings!r} {caplog.text} {capfd.readouterr()}") == []
    assert key_file(settings).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hunter2",
        b"\xff\xfe hunter2",
        json.dumps({"secretPhrase": f"{WORDS} hunter2"}).encode(),
        json.dumps({"secretSeed": "0xhunter2"}).encode(),
        json.dumps({"secretPhrase": WORDS}).encode()[:-5],
    ],
)
def test_a_damaged_key_is_named_and_not_quoted(
    settings: Settings, content: bytes, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    key_file(settings).write_bytes(content)
    with caplog.at_level(logging.DEBUG), pytest.raises(WalletError, match="'miner', hotkey 'h1'") as caught:
        load_hotkey(settings.network)
    assert secrets_in(f"{caught.value} {caplog.text} {capfd.readouterr()}") == []
    assert caught.value.__suppress_context__, "a traceback does not show the library's words either"


def test_an_encrypted_key_does_not_wait_for_a_password(settings: Settings, capfd: Any) -> None:
    import bittensor as bt

    file = bt.Wallet(name="miner", hotkey="h1", path=str(settings.network.wallet_path)).hotkey_file
    file.encrypt("hunter2")
    with pytest.raises(WalletError, match="is encrypted") as caught:
        load_hotkey(settings.network)
    assert secrets_in(f"{caught.value} {capfd.readouterr()}") == []


def test_a_key_that_may_not_be_read_or_is_not_there_is_told(settings: Settings) -> None:
    key_file(settings).unlink()
    with pytest.raises(WalletError, match="there is no wallet"):
        load_hotkey(settings.network)
    key_file(settings).mkdir()
    with pytest.raises(WalletError, match="there is no wallet"):
        load_hotkey(settings.network)


def test_a_development_key_that_is_none_is_not_quoted() -> None:
    with pytest.raises(WalletError, match="TRELLIS_DEV_HOTKEY_URI") as caught:
        load_hotkey(Settings.load(dev_hotkey_uri="hunter2 is no phrase").network)
    assert secrets_in(str(caught.value)) == []


def test_locally_no_wallet_is_wanted(tmp_path: Path) -> None:
    first, second = (
        load_hotkey(Settings.load(wallet_path=tmp_path / "none", dev_hotkey_uri=uri).network)
        for uri in ("//A", "//B")
    )
    assert first.ss58_address != second.ss58_address
