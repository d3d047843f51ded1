"""What an idle validation did, file by file."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class IdleReport:
    """Keys of tasks by what became of their files.

    Attributes:
        scored: with their new scores.
        missing: the file is gone. `changed`: it is not the one that was stored. Neither is scored.
        unavailable: the local validator could not judge now.
        left: not reached, because new work came in.
        interrupted_by: what that was; None when everything was reached.
    """

    scored: dict[int, float] = field(default_factory=dict)
    missing: list[int] = field(default_factory=list)
    changed: list[int] = field(default_factory=list)
    unavailable: list[int] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    interrupted_by: str | None = None

    @property
    def left_out(self) -> int:
        """Files that have no score still."""
        return len(self.missing) + len(self.changed) + len(self.unavailable) + len(self.left)
