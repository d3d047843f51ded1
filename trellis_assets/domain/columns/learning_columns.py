"""The columns of the tables of what is learnt, in their order."""

from trellis_assets.domain.columns.column import Column, by_name

ACCEPTANCE_COLUMNS = by_name(
    (
        Column("validator", str, "hotkey of the validator"),
        Column("accepted", int, "results that it accepted"),
        Column("answered", int, "results that it accepted or rejected"),
        Column("share", float, "accepted of answered, 0 to 1"),
        Column("low", float, "95 % interval of the share by its own answers, lower end"),
        Column("high", float, "upper end"),
        Column("predicted", float, "acceptance of a model of the usual local score, by the acceptance model"),
        Column("predicted_low", float, "its 95 % interval, lower end"),
        Column("predicted_high", float, "upper end"),
        Column("alive", float, "probability that the validator accepts anything at all"),
        Column("told", str, "what the answers say"),
    )
)
RECIPE_COLUMNS = by_name(
    (
        Column("label", str, "name of the recipe, and version of its content"),
        Column("kind", str, "of prompt"),
        Column("candidates", int, "models made by it"),
        Column("idle", int, "of these, made on past prompts while nothing was mined"),
        Column("judged", int, "with a local score"),
        Column("invalid", float, "share that has a problem or failed a data check, 0 to 1"),
        Column("mean", float, "mean local score of valid ones"),
        Column("sd", float, "standard deviation of these scores"),
        Column("expected", float, "mean that the score model believes in"),
        Column("expected_sd", float, "how surely it is known"),
        Column("made_s", float, "median seconds to make and judge one"),
        Column("reservation", float, "worth in hand at which one more just pays, with a usual validator"),
    )
)
GAIN_COLUMNS = by_name(
    (
        Column("mined_by", str, "the control share (one candidate each), or the policy"),
        Column("accepted", int, "settled tasks with an accepted result"),
        Column("tasks", int, "settled tasks"),
        Column("share", float, "accepted of tasks, 0 to 1"),
        Column("low", float, "95 % interval of the share, lower end"),
        Column("high", float, "upper end"),
        Column("told", str, "the difference with its interval, in words"),
    )
)
FAILURE_COLUMNS = by_name(
    (
        Column("by", str, "what the models have in common"),
        Column("value", str, "and its value"),
        Column("failed", int, "models that were rejected or not submitted"),
        Column("models", int, "models of the group"),
        Column("share", float, "failed of models, 0 to 1"),
        Column("low", float, "95 % interval of the share, lower end"),
        Column("high", float, "upper end"),
        Column("usual", float, "share of all models that failed"),
        Column("told", str, "what that says"),
        Column("advice", str, "what to change; empty where nothing is told"),
    )
)
EXPERIMENT_COLUMNS = by_name(
    (
        Column("first", str, "recipe with most candidates, with its version"),
        Column("second", str, "another recipe"),
        Column("method", str, "paired by prompt (local scores) or by task (accepted shares)"),
        Column("difference", float, "second less first"),
        Column("low", float, "95 % interval of the difference, lower end; empty with too few pairs"),
        Column("high", float, "upper end"),
        Column("tasks", int, "pairs or tasks that it rests on"),
        Column("still_needed", int, "about so many more until a difference that matters would be seen"),
        Column("told", str, "the answer in words"),
    )
)
