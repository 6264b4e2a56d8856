"""``sql``: answer a question with a query, looking around in the database first."""

from __future__ import annotations

from assay_server.environments.definition import EnvironmentDefinition
from assay_server.environments.sql.bench import Answer, Question, SqlBench
from assay_server.environments.sql.episode import OPTIONS, SqlEpisode

__all__ = ["SQL", "Answer", "Question", "SqlBench", "SqlEpisode"]

SQL = EnvironmentDefinition(
    id="assay/sql-v1",
    make=SqlEpisode,
    summary="a question about a database: look at its tables, try queries, submit one",
    options=OPTIONS,
    aliases=("sql",),
    doc=SqlEpisode.__doc__ or "",
)
