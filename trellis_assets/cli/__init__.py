"""The command line: parse, one call, print. Heavy imports wait until a command needs them."""

# Commands are listed in this order.
from trellis_assets.cli import mining, settings, status, earnings, learning, recipes, servers, store  # noqa: F401, I001 - importing registers commands
from trellis_assets.cli.app import app

__all__ = ["app"]
