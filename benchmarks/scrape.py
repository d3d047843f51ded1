"""How long a scrape of `/metrics` takes over a store of a million tasks, with few validators and with many.

A subnet has at most 64 validators with a permit, and 256 neurons, which is the most that can be polled.
Each is the whole work of a scrape in the serving process: reading the store, heartbeats and disk, and making
the text. "Own" is the time of this thread alone, which other work on the machine hardly changes.
"""

import argparse
import json
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import ledger
import queries
from orchestration.logs import quantile
from sqlalchemy import insert, text

from trellis_assets.adapters.storage.models import EventCountRow
from trellis_assets.adapters.storage.store import SqlStore, open_store
from trellis_assets.composition import Pipeline
from trellis_assets.domain.event_counts import BUCKETS, INFINITE, SUM, Event
from trellis_assets.domain.tasks import FINAL_STATES
from trellis_assets.settings import Settings

TASKS, TIMES = 1_000_000, 500
ENDPOINTS, MANY = 16, (64, queries.VALIDATORS)
Row = dict[str, float | str]


def count_events(store: SqlStore) -> None:
    """Count the tasks of the store, which were inserted and not mined; durations too."""
    by_state = text(
        "SELECT miner_hotkey, validator_hotkey, state, count(*) FROM tasks "
        "WHERE finished_at IS NOT NULL GROUP BY 1, 2, 3"
    )
    with store.engine.begin() as connection:
        rows = [
            as_row(miner, validator, Event.SETTLED, state, number)
            for miner, validator, state, number in connection.execute(by_state)
        ]
        for event, bounds in BUCKETS.items():
            rows += [as_row(ledger.MINER, "", event, str(b), 1000.0) for b in (*bounds, INFINITE, SUM)]
        connection.execute(insert(EventCountRow), rows)


def add_validators(store: SqlStore, number: int) -> None:
    """Poll so many validators, each with tasks of every outcome."""
    now = datetime.now(UTC)
    store.validators.save((queries.a_validator(uid) for uid in range(number)), now)
    for uid in range(number):
        name = f"5Validator{uid}"
        store.polls.begin(ledger.MINER, name, next_poll_at=now, now=now, max_backoff=timedelta(minutes=5))
    with store.engine.begin() as connection:
        connection.execute(text("DELETE FROM event_counts WHERE validator_hotkey <> ''"))
        rows = [
            as_row(ledger.MINER, f"5Validator{uid}", Event.SETTLED, str(state), 4000.0)
            for uid in range(number)
            for state in FINAL_STATES
        ]
        connection.execute(insert(EventCountRow), rows)


def as_row(miner: str, validator: str, event: Event, detail: str, total: float) -> dict[str, object]:
    """Return a row of the counts."""
    names = ("miner_hotkey", "validator_hotkey", "event", "detail", "total")
    return dict(zip(names, (miner, validator, str(event), detail, float(total)), strict=True))


def measure(folder: Path, name: str, times: int) -> Row:
    """Scrape so many times, the first not counted."""
    pipeline = Pipeline(Settings.load(data_dir=folder, env_file=None))
    encode = pipeline.reports.gallery_parts().encode_metrics
    encoded, _ = encode("")
    took = [queries.timed(lambda: encode("")) for _ in range(times)]
    pipeline.close()
    row = queries.as_row(name, took) | {"p50_own_ms": quantile([own for _, own in took], 0.5)}
    series = sum(not line.startswith("#") for line in encoded.decode().splitlines())
    return {"scrape": name} | {k: v for k, v in row.items() if k != "question"} | {"series": str(series)}


def main(tasks: int = TASKS, times: int = TIMES) -> list[Row]:
    """Scrape a miner with 8 validators, and one with many."""
    with tempfile.TemporaryDirectory() as folder:
        ledger.fill(Path(folder), tasks)
        store = open_store(f"sqlite:///{Path(folder) / 'trellis.db'}")
        now = datetime.now(UTC)
        for number in range(ENDPOINTS):
            store.slots.acquire([f"http://gpu{number}:8093"], number + 1, now=now, until=now)
        count_events(store)
        rows = [measure(Path(folder), f"8 validators, {ENDPOINTS} endpoints", times)]
        for number in MANY:
            add_validators(store, number)
            rows.append(measure(Path(folder), f"{number} validators, {ENDPOINTS} endpoints", times))
        store.close()
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=TASKS)
    sys.stdout.write("\n".join(json.dumps(row) for row in main(parser.parse_args().tasks)) + "\n")
