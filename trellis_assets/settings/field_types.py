"""Types of settings that need a check of their own; the error says what the value must be."""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationInfo
from pydantic_settings import NoDecode

from trellis_assets.domain.endpoints.orientation import Orientation
from trellis_assets.domain.learning.wanted_policy import PolicyError, parse_policy
from trellis_assets.domain.server_backends import SERVER_BACKENDS
from trellis_assets.settings.choices import AUTO_ORIENTATION
from trellis_assets.settings.network_name import check_network

DAGSTER_DRIVER = "postgresql+psycopg2"


@dataclass(frozen=True, slots=True)
class Choices:
    """The names that a text may be one of, for documentation."""

    names: Collection[str]


def _split(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip().rstrip("/") for part in value.split(",") if part.strip())
    return value


def _check_queues(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value or any(not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", name) for name in value):
        raise ValueError("must be names of letters, digits, _ . and -, comma separated")
    return value


def _check_orientations(value: tuple[str, ...]) -> tuple[str, ...]:
    known = (AUTO_ORIENTATION, *Orientation)
    if not value or any(name not in known for name in value):
        raise ValueError(f"must be one or more of {', '.join(known)}, comma separated")
    return value


def _check_urls(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value or any(not url.startswith(("http://", "https://")) for url in value):
        raise ValueError("must be http(s)://host:port, comma separated")
    return value


def _check_url(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("must be http(s)://host:port")
    return value


def _empty_is_none(value: object) -> object:
    return None if value == "" else value


def _check_broker(value: SecretStr | None) -> SecretStr | None:
    if value is not None and not value.get_secret_value().startswith(("redis://", "rediss://")):
        raise ValueError("must be redis://:password@host:port/0")
    return value


def _check_secret_url(value: SecretStr | None) -> SecretStr | None:
    if value is not None:
        _check_url(value.get_secret_value())
    return value


def _check_dagster_database(value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
    if value is None:
        return None
    scheme, _, rest = value.get_secret_value().partition("://")
    if not rest or scheme not in {"postgres", "postgresql", DAGSTER_DRIVER}:
        raise ValueError("must be postgresql://user:password@host/database")
    store = info.data.get("database_url")
    if store is not None and store.get_secret_value().partition("://")[2] == rest:
        raise ValueError("must name another database than TRELLIS_DATABASE_URL does")
    # Dagster's storage works with psycopg 2 alone, which the bare name no longer stands for.
    return SecretStr(f"{DAGSTER_DRIVER}://{rest}")


def _check_options(value: SecretStr | None) -> SecretStr | None:
    if value is not None and not isinstance(as_json(value.get_secret_value()), dict):
        raise ValueError('must be a JSON object, such as {"key": "…", "secret": "…"}')
    return value


def as_json(text: str) -> Any:
    """Return what the text holds; None where it is not JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def _check_path(value: Path) -> Path:
    try:
        value.expanduser()
    except RuntimeError:
        raise ValueError("begins with the home folder of an unknown user: write the whole path") from None
    return value


def _refuse_empty(value: object) -> object:
    if value == "":
        raise ValueError("is empty, which would mean the current folder: name a folder, or unset it")
    return value


def _check_log_level(value: str) -> str:
    if value.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
        raise ValueError("must be DEBUG, INFO, WARNING or ERROR")
    return value.upper()


def _check_currency(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{3}", value):
        raise ValueError("must be three letters, such as USD or EUR")
    return value.upper()


def _check_commit(value: str | None) -> str | None:
    if value is not None and not re.fullmatch(r"[0-9a-f]{40}", value):
        raise ValueError("must be the 40 hexadecimal digits of a commit: a branch or a tag can be moved")
    return value


def _check_backend(value: str) -> str:
    if value not in SERVER_BACKENDS:
        raise ValueError(f"must be {' or '.join(SERVER_BACKENDS)}")
    return value


def _check_template(value: str) -> str:
    if "{prompt}" not in value:
        raise ValueError("must contain {prompt}, where the words of the task go")
    return value


def _check_policy(value: str) -> str:
    try:
        return parse_policy(value).label
    except PolicyError as error:
        raise ValueError(f"must be a policy: {error}") from None


# Longer times and larger counts are mistakes, and would overflow somewhere.
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Hours = Annotated[float, Field(gt=0, le=24 * 36_500)]
Days = Annotated[float, Field(gt=0, le=36_500)]
Count = Annotated[int, Field(le=10**9)]
# Of anything in any currency: more is a mistake.
Price = Annotated[float, Field(ge=0, le=1e9)]
Port = Annotated[int, Field(ge=1, le=65535)]

UserPath = Annotated[Path, AfterValidator(_check_path)]
NamedPath = Annotated[UserPath, BeforeValidator(_refuse_empty)]
Url = Annotated[str, AfterValidator(_check_url)]
Urls = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split), AfterValidator(_check_urls)]
Orientations = Annotated[
    tuple[str, ...], NoDecode, BeforeValidator(_split), AfterValidator(_check_orientations)
]
Queues = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split), AfterValidator(_check_queues)]
Network = Annotated[str, AfterValidator(check_network)]
Policy = Annotated[str, AfterValidator(_check_policy)]
LogLevel = Annotated[str, AfterValidator(_check_log_level)]

Currency = Annotated[str, AfterValidator(_check_currency)]

OptionalSecret = Annotated[SecretStr | None, BeforeValidator(_empty_is_none)]
SecretUrl = Annotated[OptionalSecret, AfterValidator(_check_secret_url)]
Broker = Annotated[OptionalSecret, AfterValidator(_check_broker)]
DagsterDatabase = Annotated[OptionalSecret, AfterValidator(_check_dagster_database)]
ServerBackendName = Annotated[str, AfterValidator(_check_backend), Choices(SERVER_BACKENDS)]
OptionalText = Annotated[str | None, BeforeValidator(_empty_is_none)]
Commit = Annotated[str | None, BeforeValidator(_empty_is_none), AfterValidator(_check_commit)]
PromptTemplate = Annotated[str, Field(max_length=1000), AfterValidator(_check_template)]
PictureSide = Annotated[int, Field(ge=64, le=2048, multiple_of=16)]
StorageOptions = Annotated[OptionalSecret, AfterValidator(_check_options)]
