"""A migrated PostgreSQL, and fakes for the cache and the bucket."""

import asyncio
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import httpx2
import pytest
from fastapi.testclient import TestClient
from obstore.store import MemoryStore, ObjectStore

from app.api import create_app
from app.cache import Cache
from app.database import Database
from app.migrate import migrate
from app.services import Services
from app.settings import Settings
from tests.postgres import temporary_postgres


@dataclass
class DictCache:
    entries: dict[str, bytes] = field(default_factory=dict)

    async def get(self, key: str) -> bytes | None:
        return self.entries.get(key)

    async def set(self, key: str, value: bytes) -> None:
        self.entries[key] = value

    async def ping(self) -> None:
        pass

    async def close(self) -> None:
        pass


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A server where databases may be created; TEST_DATABASE_SERVER names one, else one is started."""
    if given := os.environ.get("TEST_DATABASE_SERVER"):
        yield given
    else:
        with temporary_postgres() as url:
            yield url


def settings_for(database_url: str, **overrides: object) -> Settings:
    return Settings.model_validate({"database_url": database_url, "secret_key": "test-key", **overrides})


@pytest.fixture(scope="session")
def settings(server_url: str) -> Settings:
    settings = settings_for(f"{server_url}/postgres")
    asyncio.run(migrate(settings))
    return settings


def services_for(
    settings: Settings,
    *,
    cache: Cache | None = None,
    store: ObjectStore | None = None,
    openai: Callable[[httpx2.Request], httpx2.Response] | None = None,
) -> Services:
    return Services(
        settings=settings,
        database=Database(settings),
        cache=cache or DictCache(),
        store=store,
        http=httpx2.AsyncClient(transport=httpx2.MockTransport(openai) if openai else None),
    )


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(services_for(settings, store=MemoryStore()))) as client:
        yield client
