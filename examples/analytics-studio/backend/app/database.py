"""PostgreSQL: one pool a process, opened on first use, and a log line for every query's time."""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any

from sqlalchemy import Executable, Row, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from app.settings import Settings

CONNECT_TIMEOUT_SECONDS = 5
SLOW_QUERY_MS = 1000

# https://www.postgresql.org/docs/15/errcodes-appendix.html
QUERY_CANCELED = "57014"
CANNOT_CONNECT_NOW = "57P03"
# Connection, authorization and catalogue faults, too few resources, operator intervention.
UNAVAILABLE = ("08", "28", "3D", "53", "57P")

logger = logging.getLogger(__name__)


class DatabaseUnavailableError(Exception):
    """No connection could be had; the request may succeed later."""


class QueryTimedOutError(Exception):
    """The query ran into its time limit."""


def sqlstate(error: DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or ""


class Database:
    def __init__(self, settings: Settings) -> None:
        self._engine = create_async_engine(
            settings.sqlalchemy_url,
            pool_size=settings.db_pool_size,
            max_overflow=settings.db_max_overflow,
            pool_timeout=CONNECT_TIMEOUT_SECONDS,
            # After a Multi-AZ failover the pool's connections are dead; a ping finds that out before a user does.
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={"timeout": CONNECT_TIMEOUT_SECONDS},
        )
        self._timeout_ms = settings.query_timeout_seconds * 1000

    async def read(self, name: str, statement: Executable) -> Sequence[Row[Any]]:
        """Runs one statement in a read-only transaction, under the query time limit."""
        async with self._connection(name) as connection:
            await connection.execution_options(postgresql_readonly=True)
            await connection.execute(select(func.set_config("statement_timeout", str(self._timeout_ms), True)))
            return await self._timed(name, connection, statement)

    async def write(self, name: str, statement: Executable) -> Sequence[Row[Any]]:
        async with self._connection(name) as connection:
            rows = await self._timed(name, connection, statement)
            await connection.commit()
            return rows

    async def close(self) -> None:
        await self._engine.dispose()

    @asynccontextmanager
    async def _connection(self, name: str) -> AsyncIterator[AsyncConnection]:
        try:
            async with self._engine.connect() as connection:
                yield connection
        except DBAPIError as error:
            state = sqlstate(error)
            if state == QUERY_CANCELED:
                raise QueryTimedOutError(name) from error
            if error.connection_invalidated or state.startswith(UNAVAILABLE):
                raise DatabaseUnavailableError(name) from error
            raise
        except (OSError, PoolTimeoutError) as error:
            raise DatabaseUnavailableError(name) from error

    @staticmethod
    async def _timed(name: str, connection: AsyncConnection, statement: Executable) -> Sequence[Row[Any]]:
        started = perf_counter()
        rows = (await connection.execute(statement)).all()
        elapsed_ms = round((perf_counter() - started) * 1000)
        level = logging.WARNING if elapsed_ms > SLOW_QUERY_MS else logging.INFO
        logger.log(level, "query took %d ms", elapsed_ms, extra={"query": name, "rows": len(rows)})
        return rows
