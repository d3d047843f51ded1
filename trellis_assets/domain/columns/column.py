"""What is known of a column: its type and meaning, the field that it stores, and where it is shown."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trellis_assets.system.compat import StrEnum

# Names of types as Dagster's table schemas have them.
TYPE_NAMES: dict[type, str] = {
    str: "string",
    int: "int",
    float: "float",
    bool: "bool",
    datetime: "timestamp",
    dict: "json",
    list: "json",
}


class Part(StrEnum):
    """Which part of a task a column belongs to: the name of the field of `Task` that holds it."""

    TASK = ""
    GENERATION = "generation"
    VERDICT = "verdict"
    SUBMISSION = "submission"
    FEEDBACK = "feedback"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table that people get.

    Attributes:
        name: in the task table, in reports and in Dagster's schema.
        type: of its values; see `TYPE_NAMES`.
        meaning: one line with the unit, for Dagster's schema and the docs.
        part: which part of a task it stores.
        field: of that part, a dotted path for a field of a field; empty where no value object has it.
        unset: the field's value where the column is NULL and the part is there all the same.
        read: makes the field's value of the stored one, where they differ.
        write: makes the stored value of the field's.
        in_report: whether the report of tasks has it.
        label: its name on a model's page in the gallery; None: not shown there.
        show: writes its value as text in the gallery.
        run_metadata: its name in the metadata of a task's run; None: not shown there.
        mean_of: column of tasks whose mean this is; of a column of feedback, over accepted results.
    """

    name: str
    type: type
    meaning: str
    part: Part = Part.TASK
    field: str = ""
    unset: Any = None
    read: Callable[[Any], Any] | None = None
    write: Callable[[Any], Any] | None = None
    in_report: bool = True
    label: str | None = None
    show: Callable[[Any], str] = str
    run_metadata: str | None = None
    mean_of: str = ""

    @property
    def type_name(self) -> str:
        """Return the type's name as Dagster's table schemas have it."""
        return TYPE_NAMES[self.type]

    def value_in(self, task: object) -> Any:
        """Return the field's value in a task; None where the task has no such part."""
        return self.value_in_part(getattr(task, self.part) if self.part else task)

    def value_in_part(self, part: object) -> Any:
        """Return the field's value in the part of a task; None where a field of it is None."""
        for name in self.field.split("."):
            part = getattr(part, name, None)
        return part


def by_name(columns: Iterable[Column]) -> dict[str, Column]:
    """Return the columns by name, in their order."""
    return {column.name: column for column in columns}
