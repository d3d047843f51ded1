"""What is learnt, as it was known at the end of each day: acceptance, recipes, gain, and what fails."""

from trellis_assets.defs.assets.reports import report_asset
from trellis_assets.defs.assets.tasks import submissions, task_table
from trellis_assets.reports.tables import REPORTS

GROUP = "learning"

acceptance_model = report_asset(
    REPORTS["acceptance"],
    name="acceptance_model",
    deps=[submissions, task_table],
    description="What each validator accepts, by its own answers and by the acceptance model, with "
    "intervals; and whether acceptance comes as it is predicted. 0 of 2 tells nothing of a validator.",
    shown=("validator", "accepted", "answered", "low", "high", "predicted", "told"),
    group=GROUP,
)

recipe_scores = report_asset(
    REPORTS["recipes"],
    name="recipe_scores",
    deps=[task_table],
    description="What the candidates of each recipe score locally, submitted or not, and what one more is "
    "worth (its reservation value).",
    shown=("label", "kind", "candidates", "judged", "mean", "sd", "invalid", "made_s", "reservation"),
    group=GROUP,
)

recipe_experiments = report_asset(
    REPORTS["experiments"],
    name="recipe_experiments",
    deps=[task_table],
    description="Each recipe against the one with most candidates: paired by prompt where both were tried on "
    "the same ones, else by task; the difference, its interval, and how many more are needed.",
    shown=("first", "second", "method", "difference", "low", "high", "tasks", "still_needed", "told"),
    group=GROUP,
)

policy_gain = report_asset(
    REPORTS["gain"],
    name="policy_gain",
    deps=[submissions, task_table],
    description="Accepted results of tasks mined by the policy against those of the control share, which are "
    "mined by one candidate each: the measured gain, with its interval.",
    shown=("mined_by", "accepted", "tasks", "share", "low", "high", "told"),
    group=GROUP,
)

what_fails = report_asset(
    REPORTS["failures"],
    name="what_fails",
    deps=[submissions, task_table],
    description="Models that came to nothing, by kind of prompt, words, splats, thinness and opacity, and "
    "what to change where more fail than usual.",
    shown=("by", "value", "failed", "models", "low", "high", "told", "advice"),
    group=GROUP,
)
