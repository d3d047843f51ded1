"""`python -m trellis_assets.cli`."""

from trellis_assets.cli import app

app()
