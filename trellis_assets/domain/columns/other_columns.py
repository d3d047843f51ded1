"""The columns of tables beside that of tasks: rewards, validators, neurons; in their order."""

from datetime import datetime

from trellis_assets.domain.columns.column import Column, by_name

REWARD_COLUMNS = by_name(
    (
        Column("miner_hotkey", str, "our hotkey"),
        Column("validator_hotkey", str, "hotkey of the validator; empty for default prompts"),
        Column("validator_uid", int, "uid of the validator"),
        Column("tasks", int, "tasks that ended"),
        Column("accepted", int, "submissions that count"),
        Column("rejected", int, "submissions that do not"),
        Column("answer_unknown", int, "submissions whose answer never came"),
        Column("handed_back", int, "tasks returned empty on purpose"),
        Column("failed", int, "tasks that could not be generated or delivered"),
        Column(
            "mean_fidelity",
            float,
            "mean score of accepted submissions, 0 to 1",
            mean_of="task_fidelity_score",
        ),
        Column("mean_local_score", float, "mean local score, 0 to 1", mean_of="local_score"),
        Column("standing", float, "reward that the last feedback of the period named, a level"),
        Column("standing_change", float, "how it changed since the first feedback of the period"),
        Column("generation_s", float, "seconds of generation in all"),
    )
)
VALIDATOR_COLUMNS = by_name(
    (
        Column("miner_hotkey", str, "our hotkey"),
        Column("hotkey", str, "hotkey of the validator"),
        Column("uid", int, "uid of the validator"),
        Column("stake", float, "in TAO"),
        Column("is_listed", bool, "in the last metagraph"),
        Column("cooldown_until", datetime, "not to be asked before, UTC"),
        Column("cooldown_violations", int, "pulls that the validator thinks came too early"),
        Column("last_outcome", str, "of the last pull"),
        Column("last_task_received", datetime, "when, UTC"),
        Column("total_pulls", int, "times asked"),
        Column("total_tasks_received", int, "tasks received"),
        Column("total_tasks_submitted", int, "results submitted"),
        Column("total_successful_submissions", int, "results accepted"),
        Column("total_handed_back", int, "tasks returned empty"),
        Column("average_score", float, "moving average of accepted scores from 1 on, 0 to 1"),
        Column("last_reward", float, "our standing: reward in the last feedback, a level"),
        Column("last_duel_rating", float, "rating in the last feedback"),
        Column("validator_average", float, "the validator's own average of our scores, 0 to 1"),
        Column("validator_window", int, "results accepted in four hours, as the validator counts them"),
        Column("success_rate", float, "accepted per submitted, 0 to 1"),
    )
)
NEURON_COLUMNS = by_name(
    (
        Column("hotkey", str, "the validator's address"),
        Column("uid", int, "its number in the subnet"),
        Column("ip", str, "where it serves"),
        Column("port", int, "where it serves"),
        Column("stake", float, "in TAO"),
        Column("validator_permit", bool, "whether it may validate"),
    )
)
