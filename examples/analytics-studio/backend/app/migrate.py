"""Brings the schema up to date: `python -m app.migrate`, run as a one-off task before each deployment.

Safe to run again, and safe to run twice at once: the second run waits for the first and finds nothing left to do.
"""

import asyncio
import logging
import sys
from pathlib import Path
from time import monotonic

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from app.database import CANNOT_CONNECT_NOW, sqlstate
from app.logs import configure_logging
from app.settings import Settings, load_settings

ADVISORY_LOCK = 0x5354_5544_494F
LOCK_TIMEOUT = "60s"
DATABASE_PATIENCE_SECONDS = 30.0
RETRY_SECONDS = 0.5

logger = logging.getLogger("app.migrate")


async def migrate(settings: Settings, patience_seconds: float = DATABASE_PATIENCE_SECONDS) -> None:
    engine = create_async_engine(
        settings.sqlalchemy_url, poolclass=NullPool, hide_parameters=True, connect_args={"timeout": 5}
    )
    await _wait_for(engine, patience_seconds)
    # One transaction holds the lock and every migration: all of them happen, or none.
    async with engine.begin() as connection:
        await connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
        await connection.execute(select(func.pg_advisory_xact_lock(ADVISORY_LOCK)))
        await connection.run_sync(_upgrade)
    await engine.dispose()


async def _wait_for(engine: AsyncEngine, patience_seconds: float) -> None:
    """A database that was created a moment ago may not listen yet. A wrong password is not waited for."""
    deadline = monotonic() + patience_seconds
    while True:
        try:
            async with engine.connect():
                return
        except (OSError, DBAPIError) as error:
            starting = isinstance(error, OSError) or sqlstate(error) == CANNOT_CONNECT_NOW
            if not starting or monotonic() + RETRY_SECONDS > deadline:
                raise
            logger.info("waiting for the database")
            await asyncio.sleep(RETRY_SECONDS)


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def main() -> int:
    settings = load_settings()
    configure_logging(settings)
    try:
        asyncio.run(migrate(settings))
    except (OSError, SQLAlchemyError) as error:
        reason = error.orig if isinstance(error, DBAPIError) else error
        logger.error("migration failed: %s", str(reason) or type(reason).__name__)
        return 1
    logger.info("the schema is up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())
