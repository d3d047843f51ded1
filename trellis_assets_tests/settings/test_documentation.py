"""The documented settings are those of the code, and the listing can be used as a `.env`."""

import os
import subprocess
from pathlib import Path

import pytest

from trellis_assets.settings import FIELDS, Settings, documentation

ROOT = Path(__file__).parents[2]


def test_the_page_of_settings_is_up_to_date() -> None:
    written = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert written == documentation.markdown(), "run `make docs-settings`"


def test_the_page_has_a_row_for_every_setting() -> None:
    page = documentation.markdown()
    assert [name for name in FIELDS if page.count(f"| `TRELLIS_{name.upper()}` |") != 1] == []


@pytest.mark.parametrize(
    ("name", "described"),
    [
        ("pull_timeout_s", "number, > 0, ≤ 50"),
        ("pull_interval_s", "number, > 0, ≤ 86,400"),
        ("netuid", "integer, ≥ 0, ≤ 65,535"),
        ("server_picture_width", "integer, ≥ 64, ≤ 2,048, multiple of 16"),
        ("server_picture_negative", "text, at most 1000 characters"),
        ("duplicate_policy", "skip or reuse"),
        ("harvest", "true or false"),
        ("database_url", "secret"),
        ("generator_urls", "list"),
        ("weights_dir", "path"),
        ("first_day", "date"),
    ],
)
def test_types_are_described_with_their_bounds(name: str, described: str) -> None:
    assert documentation.type_of(FIELDS[name]) == described


AWKWARD = {
    "wallet_name": 'it\'s # a "name" \\ with $HOME and ünï',
    "data_dir": "a folder/with spaces",
    "generator_urls": "http://a:1,http://b:2",
    "submit": "false",
    "server_token": "hunter2",
    "validator_url": "http://me:hunter2@h:1",
    "network": "wss://chain.example/hunter2",
}


def test_the_listing_used_as_dotenv_loads_the_same_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    loaded = Settings.load(**AWKWARD)
    lines = list(documentation.listing(loaded))
    assert "hunter2" not in "".join(lines)
    (tmp_path / ".env").write_text("\n".join(lines), encoding="utf-8")
    again = Settings.load().values()
    hidden = {"server_token", "validator_url", "network"}
    assert {name for name, value in loaded.values().items() if again[name] != value} == hidden


@pytest.mark.parametrize(
    "value", ["", "0.5", "a b # c", "~/x", "{prompt}, on white", "http://a:1,http://b:2"]
)
def test_a_shell_reads_a_quoted_value_as_it_was(value: str) -> None:
    script = f'X={documentation.quoted(value)}; printf %s "$X"'
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout == value
