"""The environment of what a test or a benchmark starts."""

import os


def clean_environment() -> dict[str, str]:
    """This process's environment without the settings of the pipeline and of Dagster."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("TRELLIS_", "DAGSTER_"))}
