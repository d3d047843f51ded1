"""Find variables that look like settings and are not, most likely mistyped."""

import difflib
from collections.abc import Iterable, Mapping

from trellis_assets.settings.base import GIVEN_VARIABLE, PREFIX

# Read by the tests, the benchmarks and development tools, or set for our own processes.
_OF_TOOLS = frozenset(
    {
        GIVEN_VARIABLE,
        "TRELLIS_BITTENSOR_9",
        "TRELLIS_FUZZ_SECONDS",
        "TRELLIS_SAMPLES",
        "TRELLIS_SUBNET_PROTOCOL",
        "TRELLIS_TEST_DATABASE",
    }
)


def unknown_variables(environment: Mapping[str, object], fields: Iterable[str]) -> list[str]:
    """Return a sentence for each variable that begins like a setting and is not one.

    Example: for `TRELLIS_MIN_SCOR`, "TRELLIS_MIN_SCOR is not a setting: did you mean TRELLIS_MIN_SCORE?".

    Args:
        environment: names of variables, with any values.
        fields: names of all settings, in lower case and without the prefix.
    """
    known = {f"{PREFIX}{name.upper()}" for name in fields} | _OF_TOOLS
    found = []
    for name in sorted(environment):
        if not name.upper().startswith(PREFIX) or name.upper() in known:
            continue
        close = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.8)
        advice = f"did you mean {close[0]}?" if close else "see `trellis-assets settings` for all of them"
        found.append(f"{name[:100]} is not a setting: {advice}")
    return found
