"""Decide whether a prompt or an endpoint is at fault where neither says so.

The seed's server answers 500 to whatever goes wrong, another one 422 to any form that it does not know,
which is every prompt. What tells them apart is the endpoint's record: has it made a model since it last
came up, and how many different prompts has it failed at since its last model?

Worked example: a server that has made models refuses prompt A and then B: both are believed, and handed
back. It refuses C as well: three different prompts in a row say more about the server than about the
prompts; C waits, and so does what comes after it, until a model is made there.
"""

from collections.abc import Collection
from hashlib import sha256

# So many different prompts in a row that fail are no coincidence.
PROMPTS_TO_DOUBT = 3
_MARK = 16


def prompt_mark(prompt: str) -> str:
    """Return 16 hexadecimal digits that stand for the prompt in an endpoint's record."""
    return sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()[:_MARK]


def with_mark(failed_prompts: Collection[str], mark: str) -> tuple[str, ...]:
    """Return the record with the prompt in it, each prompt once, as many as the decisions need."""
    others = [known for known in failed_prompts if known != mark]
    return (*others, mark)[-PROMPTS_TO_DOUBT:]


def is_refusal_of_prompt(mark: str, failed_prompts: Collection[str], *, is_proven: bool) -> bool:
    """Return whether an endpoint's unclear answer to the prompt is believed to be about the prompt.

    Args:
        mark: of the prompt.
        failed_prompts: those that failed there since its last model.
        is_proven: it has made a model since it last came up.
    """
    return is_proven and len(with_mark(failed_prompts, mark)) < PROMPTS_TO_DOUBT


def is_failure_of_prompt(mark: str, failed_prompts: Collection[str], *, is_proven: bool) -> bool:
    """Return whether repeated failures at an endpoint are the prompt's: no other prompt failed there."""
    return is_proven and set(failed_prompts) == {mark}
