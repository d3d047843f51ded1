"""The environment of processes that a test or a benchmark starts."""

import os


def clean_environment() -> dict[str, str]:
    """Return this process's environment without `TRELLIS_…` and `DAGSTER_…` variables."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("TRELLIS_", "DAGSTER_"))}
