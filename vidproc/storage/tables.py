"""The tables: jobs, what has become of them, and who worked on them.

Times are seconds since 1970, sizes are bytes. `jobs.spool` is the folder that holds a job's files, by the name that it
gave itself: several coordinators may share a database. A job that has not ended has no `ended_at`; its `state` is what
it was when it was accepted, since what it is at any time is known in memory. `result_removed` says that the film is no
longer there, and `fetched_at` that somebody has it. `chunks` are those of jobs that have not ended.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

VERSION = 1
"""Of these tables. A change of them is a new version; a column that is new may be null, or has a default, so that the
tables of an older one get it (`database.py`)."""

LONGEST_CODE = 64
"""Characters of the name of an error. PostgreSQL refuses what is longer."""

metadata = sa.MetaData()

schema = sa.Table("schema_version", metadata, sa.Column("version", sa.Integer, nullable=False))

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("spool", sa.String(32), nullable=False),
    sa.Column("version", sa.String(64), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("source_path", sa.Text, nullable=False, default=""),
    sa.Column("result_path", sa.Text, nullable=False, default=""),
    sa.Column("spec", sa.JSON, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("detached", sa.Boolean, nullable=False, default=False),
    sa.Column("restarts", sa.Integer, nullable=False, default=0),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("submitted_at", sa.Double, nullable=False),
    sa.Column("ended_at", sa.Double),
    sa.Column("code", sa.String(LONGEST_CODE), nullable=False, default=""),
    sa.Column("message", sa.Text, nullable=False, default=""),
    sa.Column("result_size", sa.BigInteger, nullable=False, default=0),
    sa.Column("result_sha256", sa.String(64), nullable=False, default=""),
    sa.Column("result_removed", sa.Boolean, nullable=False, default=False),
    sa.Column("fetched_at", sa.Double),
    sa.Column("frames_done", sa.Integer, nullable=False, default=0),
    sa.Column("frames_total", sa.Integer, nullable=False, default=0),
    sa.Column("metrics", sa.JSON),
    sa.Index("jobs_by_time", "submitted_at"),
)

chunks = sa.Table(
    "chunks",
    metadata,
    sa.Column("job", sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("report", sa.LargeBinary, nullable=False),
    sa.Column("worker", sa.Text, nullable=False),
    sa.Column("slot", sa.Integer, nullable=False),
    sa.Column("versions", sa.JSON, nullable=False),
)

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("job", sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("chunk", sa.Integer, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("worker", sa.Text, nullable=False),
    sa.Column("slot", sa.Integer, nullable=False),
    sa.Column("began_at", sa.Double, nullable=False),
    sa.Column("ended_at", sa.Double, nullable=False),
    sa.Column("second", sa.Boolean, nullable=False, default=False),
    sa.Column("outcome", sa.String(16), nullable=False),
    sa.Column("code", sa.String(LONGEST_CODE), nullable=False, default=""),
    sa.Column("message", sa.Text, nullable=False, default=""),
)


def as_text(table: sa.Table, *without: str) -> list[sa.ColumnElement[Any]]:
    """All columns, with JSON as text: it is read here, row by row, so that one that is damaged does not keep all others
    from being read."""
    return [
        sa.cast(column, sa.Text).label(column.name) if isinstance(column.type, sa.JSON) else column
        for column in table.c
        if column.name not in without
    ]
