"""The tables of a store of corrections, on SQLite as on PostgreSQL, and how old ones are brought up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, MetaData, String, Table, Text, true
from sqlalchemy.types import Boolean

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

metadata = MetaData()

# One row a fact about the store itself: its version, its secret.
about_store = Table(
    "medkd_store",
    metadata,
    Column("key", String(40), primary_key=True),
    Column("value", Text, nullable=False),
)

# Which part of the data a case is for; written when the case is first seen and never changed by a correction.
case_part = Table(
    "medkd_case",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("part", String(20), nullable=False),
)

# What is searched and counted has a column; `content` is the whole record, which is never changed.
correction = Table(
    "medkd_correction",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("case_name", String(200), ForeignKey("medkd_case.name"), nullable=False),
    Column("source", String(64), nullable=False),
    Column("axis", Integer, nullable=False),
    Column("slice", Integer, nullable=False),
    Column("label", String(200), nullable=False),
    Column("modality", String(40), nullable=False),
    Column("model", String(200), nullable=False),
    Column("origin", String(20), nullable=False),
    Column("time", Float, nullable=False),
    Column("dice", Float),
    Column("dice_first", Float),
    Column("seconds", Float),
    Column("clicks", Integer, nullable=False),
    Column("stands", Boolean, nullable=False, server_default=true()),
    Column("content", Text, nullable=False),
    Index("medkd_correction_case", "case_name"),
    Index("medkd_correction_label", "label"),
    Index("medkd_correction_slice", "source", "axis", "slice"),
    sqlite_autoincrement=True,  # a number is never given twice, also after a deletion
)

# Which record needs which array, so that an array goes with the last record that needs it.
array_use = Table(
    "medkd_array_use",
    metadata,
    Column("correction", String(64), primary_key=True),
    Column("digest", String(64), primary_key=True),
    Index("medkd_array_use_digest", "digest"),
)

# Arrays that no record needs any more and whose files are to go: a deletion that was interrupted is finished.
doomed = Table("medkd_doomed", metadata, Column("digest", String(64), primary_key=True))

VERSION_KEY, SECRET_KEY = "schema_version", "secret"
# The n-th entry takes the tables from version n + 1 to n + 2; a new store is made at the last version.
MIGRATIONS: list[Callable[[Connection], None]] = []
# The n-th entry takes the content of a record from version n + 1 to n + 2, as it is read.
UPGRADES: list[Callable[[dict[str, Any]], dict[str, Any]]] = []


def version() -> int:
    """Return the version of the tables that this program makes."""
    return len(MIGRATIONS) + 1


def upgraded(content: dict[str, Any]) -> dict[str, Any]:
    """Return the content of a record in today's form."""
    for upgrade in UPGRADES[int(content["schema_version"]) - 1 :]:
        content = upgrade(content)
    return content
