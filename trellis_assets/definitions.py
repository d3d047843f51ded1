"""The code location: every definition in the folder `defs/`, with the resources of `defs/resources.py`."""

import warnings

import dagster as dg

import trellis_assets.defs as folder
from trellis_assets.defs.resources import RESOURCES

with warnings.catch_warnings():
    # In preview in Dagster 1.13, which pyproject.toml pins; `load_from_defs_folder` needs the project's
    # pyproject.toml, which an installed package has not. A test lists every definition that must be found.
    warnings.filterwarnings("ignore", category=dg.PreviewWarning)
    defs = dg.load_definitions_from_package_module(folder, resources=dict(RESOURCES))
