"""What Dagster runs and shows. The only package that imports it, with `definitions` beside it."""

import warnings

import dagster as dg

# Backfill policies and owners are "in beta": said on every start of every process, it hides what matters.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
