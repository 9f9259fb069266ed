import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from uuid import uuid4

import asyncpg
import pytest

from app.migrate import migrate
from tests.conftest import settings_for


def run(server_url: str, statement: str, database: str = "postgres") -> list[asyncpg.Record]:
    async def execute() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(f"{server_url}/{database}".replace("+asyncpg", ""))
        try:
            return list(await connection.fetch(statement))
        finally:
            await connection.close()

    return asyncio.run(execute())


@pytest.fixture
def empty_database(server_url: str) -> Iterator[str]:
    name = f"test_{uuid4().hex}"
    run(server_url, f"CREATE DATABASE {name}")
    yield name
    run(server_url, f"DROP DATABASE {name}")


def test_two_runs_at_once_and_another_later_make_one_schema(server_url: str, empty_database: str) -> None:
    settings = settings_for(f"{server_url}/{empty_database}")

    async def together() -> None:
        await asyncio.gather(migrate(settings), migrate(settings))

    asyncio.run(together())
    asyncio.run(migrate(settings))
    [counts] = run(server_url, "SELECT (SELECT count(*) FROM sales), (SELECT count(*) FROM visits)", empty_database)
    assert tuple(counts) == (6000, 4 * 365)


def test_as_a_command_it_fails_with_a_reason_and_without_the_password(server_url: str) -> None:
    url = server_url.replace("studio@", "studio:hunter2@")
    finished = subprocess.run(
        [sys.executable, "-m", "app.migrate"],
        env={**os.environ, "DATABASE_URL": f"{url}/no_such_database", "LOG_FORMAT": "json"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 1
    entry = json.loads(finished.stdout.splitlines()[-1])
    assert entry["level"] == "ERROR"
    assert entry["message"].startswith("migration failed: ")
    assert entry["message"].endswith('database "no_such_database" does not exist')
    assert "hunter2" not in finished.stdout + finished.stderr


def test_a_database_that_is_not_up_yet_is_waited_for_and_then_given_up() -> None:
    with pytest.raises(OSError, match="Connect"):
        asyncio.run(migrate(settings_for("postgresql+asyncpg://u:p@127.0.0.1:1/db"), patience_seconds=0.6))
