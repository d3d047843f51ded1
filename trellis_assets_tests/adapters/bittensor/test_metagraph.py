"""A bad metagraph file gets a clear error that names the entry and the field."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trellis_assets.adapters.bittensor.metagraph import parse_metagraph, read_metagraph, read_metagraph_file
from trellis_assets.ports import MetagraphError
from trellis_assets.settings import Settings

GOOD = {
    "uid": 7,
    "hotkey": "5Abc",
    "ip": "127.0.0.1",
    "port": 9001,
    "stake": 1500.5,
    "trust": 0.5,
    "consensus": 0.25,
    "validator_permit": True,
}


def test_a_listed_validator_is_read_with_every_field() -> None:
    (validator,) = parse_metagraph(json.dumps([GOOD]), source="m")
    assert {name: getattr(validator, name) for name in GOOD} == GOOD


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"port": 70_000}, "port"),
        ({"port": "9001"}, "port"),
        ({"uid": -1}, "uid"),
        ({"stake": float("nan")}, "stake"),
        ({"stake": -1.0}, "stake"),
        ({"hotkey": "../x"}, "hotkey"),
        ({"ip": "example.org/x"}, "ip"),
        ({"validator_permit": "yes"}, "validator_permit"),
    ],
)
def test_a_bad_field_is_named_with_its_entry(change: dict[str, object], named: str) -> None:
    with pytest.raises(MetagraphError, match=rf"entry 1, {named}"):
        parse_metagraph(json.dumps([GOOD, GOOD | {"hotkey": "5B"} | change]), source="m")


def test_a_missing_field_is_named() -> None:
    with pytest.raises(MetagraphError, match="entry 0, ip"):
        parse_metagraph(json.dumps([{k: v for k, v in GOOD.items() if k != "ip"}]), source="m")


def test_a_hotkey_listed_twice_is_refused() -> None:
    with pytest.raises(MetagraphError, match="twice"):
        parse_metagraph(json.dumps([GOOD, GOOD]), source="m")


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(MetagraphError, match="trellis-assets subnet"):
        read_metagraph_file(tmp_path / "none.json")


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(MetagraphError, match="cannot be read"):
        read_metagraph_file(path)


@given(st.text(max_size=200) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_whatever_the_text_is_only_the_named_error_comes(text: str) -> None:
    try:
        parse_metagraph(text, source="m")
    except MetagraphError as error:
        assert "metagraph file m" in str(error)


values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=70) | st.just(10**400)


@given(st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys([*GOOD, "consensus", "unknown"], values))))
def test_entries_of_any_values_are_validators_in_range_or_the_named_error(
    entries: list[dict[str, Any]],
) -> None:
    try:
        found = parse_metagraph(json.dumps(entries), source="m")
    except MetagraphError as error:
        assert "metagraph file m" in str(error)
        return
    for validator in found:
        assert 0 <= validator.uid <= 65535
        assert 0 <= validator.port <= 65535
        assert math.isfinite(validator.stake)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "9" * 5000, '[{"uid": ' + "9" * 5000 + "}]", "\ud800", "NaN"]
)
def test_what_breaks_json_readers_is_the_named_error(text: str) -> None:
    with pytest.raises(MetagraphError):
        parse_metagraph(text, source="m")


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    with path.open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(MetagraphError, match="more than"):
        read_metagraph_file(path)


def test_a_metagraph_without_anybody_is_not_believed(tmp_path: Path) -> None:
    """It would fail every task that is about to be submitted."""
    path = tmp_path / "metagraph.json"
    path.write_text("[]", encoding="utf-8")
    with pytest.raises(MetagraphError, match="lists no neuron"):
        read_metagraph(Settings.load(network=f"file:{path}"))
