"""Where the pipeline keeps what it writes."""

from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from trellis_assets.settings.base import SettingsGroup
from trellis_assets.settings.field_types import (
    DagsterDatabase,
    NamedPath,
    OptionalSecret,
    StorageOptions,
    as_json,
)


class StorageSettings(SettingsGroup):
    """Where the pipeline keeps its store, its files and Dagster's history."""

    title: ClassVar[str] = "Storage"

    data_dir: NamedPath = Field(Path("data"), description="Folder of everything the pipeline writes.")
    database_url: OptionalSecret = Field(
        None,
        description="URL of the store, such as postgresql://user:password@host/trellis; "
        "default: SQLite file in the data folder.",
    )
    dagster_database_url: DagsterDatabase = Field(
        None,
        description="URL of Dagster's own PostgreSQL database, another than the store's; default: SQLite "
        "files in the data folder.",
    )
    files_url: str | None = Field(
        None,
        description="Where model files are, as an fsspec URL such as s3://bucket/prefix; default: the "
        "data folder.",
    )
    files_options: StorageOptions = Field(
        None, description="Options of that fsspec file system (keys, endpoint), as a JSON object."
    )

    @property
    def folder(self) -> Path:
        """Return the data folder as an absolute path."""
        return self.data_dir.expanduser().absolute()

    @property
    def logs_folder(self) -> Path:
        """Return where logs and the audit trail are."""
        return self.folder / "logs"

    @property
    def reports_folder(self) -> Path:
        """Return where reports and exported statistics are."""
        return self.folder / "reports"

    @property
    def subnet_folder(self) -> Path:
        """Return where the local subnet has its state, log and metagraph."""
        return self.folder / "subnet"

    @property
    def calibration_file(self) -> Path:
        """Return what `trellis-assets calibrate` fitted the embedded validator's score to."""
        return self.folder / "calibration.json"

    @property
    def store_url(self) -> str:
        """Return the SQLAlchemy URL of the store (may hold a password: never print it)."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.store_file}"

    @property
    def store_file(self) -> Path | None:
        """Return the store's own file; None where a URL names the store."""
        return None if self.database_url is not None else self.folder / "trellis.db"

    @property
    def file_options(self) -> dict[str, Any]:
        """Return the options of the file system as a mapping (may hold keys: never print them)."""
        return dict(as_json(self.files_options.get_secret_value())) if self.files_options else {}
