"""Another protocol is another adapter: nothing outside these folders knows a synapse."""

import re
from pathlib import Path

import trellis_assets

PACKAGE = Path(trellis_assets.__file__).parent
KNOW_SYNAPSES = ("adapters/bittensor/", "adapters/local_subnet/", "testing/")
SYNAPSE = re.compile(
    r"\b(?:PullTask|SubmitResults|bt\.Synapse)\s*\(|adapters\.bittensor(?:\.| import )synapses"
)


def test_synapses_are_used_only_by_the_two_folders_that_speak_the_protocol() -> None:
    users = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if SYNAPSE.search(path.read_text(encoding="utf-8"))
    }
    assert [path for path in sorted(users) if not path.startswith(KNOW_SYNAPSES)] == []
    assert any(path.startswith("adapters/bittensor/") for path in users), "the pattern finds them"
