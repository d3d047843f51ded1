"""The columns of the table of earnings by the hour."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from trellis_assets.domain.columns.column import Column, by_name
from trellis_assets.domain.earnings.hours import HourEarnings

EARNING_COLUMNS = by_name(
    (
        Column("hour", datetime, "its start, UTC"),
        Column("miner_hotkey", str, "our hotkey"),
        Column("alpha", float, "alpha that the chain paid our neuron in the hour"),
        Column("tao", float, "its worth in TAO at the price of the hour"),
        Column("income", float, "its worth at TRELLIS_TAO_PRICE, in TRELLIS_CURRENCY"),
        Column("gpu_hours", float, "GPU hours that the miner ran, idle ones too"),
        Column("cost", float, "their price, in TRELLIS_CURRENCY"),
        Column("profit", float, "income less cost, in TRELLIS_CURRENCY"),
        Column("accepted", int, "accepted results of tasks that ended in the hour"),
        Column("submitted", int, "results submitted"),
        Column("generation_s", float, "GPU seconds of their generations"),
        Column("cost_per_accepted", float, "cost of an accepted result, in TRELLIS_CURRENCY"),
        Column("emission_alpha", float, "alpha that the last epoch paid, per tempo"),
        Column("price_tao", float, "TAO for one alpha"),
        Column("incentive", float, "our share of what miners are paid, 0 to 1"),
        Column("rank", int, "by incentive, 1 is the largest"),
        Column("miners", int, "miners with an incentive"),
        Column("pruning_position", int, "place in the order of removal, 1 is next"),
        Column("hours_read", float, "part of the hour for which the chain was read"),
    )
)


def values_of(hour: HourEarnings) -> Mapping[str, Any]:
    """Return the row of an hour, by column; None where a figure is not known."""
    income, usage, record = hour.income, hour.usage, hour.record
    of_record = ("emission_alpha", "price_tao", "incentive", "rank", "miners", "pruning_position")
    return {
        "hour": hour.hour,
        "miner_hotkey": hour.miner_hotkey,
        "alpha": income.alpha if income.hours_read else None,
        "tao": income.tao,
        "income": hour.money,
        "gpu_hours": hour.gpu_hours,
        "cost": hour.cost,
        "profit": hour.profit,
        "accepted": usage.accepted,
        "submitted": usage.submitted,
        "generation_s": usage.generation_s,
        "cost_per_accepted": hour.cost_per_accepted,
        "hours_read": income.hours_read,
        **{name: getattr(record, name) if record is not None else None for name in of_record},
    }
