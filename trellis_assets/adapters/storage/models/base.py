"""What all tables share: names of indexes and keys, and the columns' types."""

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

from trellis_assets.adapters.storage.column_types import TYPE_MAP

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """All tables of the store."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = TYPE_MAP
