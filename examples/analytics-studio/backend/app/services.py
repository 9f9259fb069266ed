"""What a request may need, made once a process and handed to the routes."""

from dataclasses import dataclass
from typing import Annotated

import httpx2
from fastapi import Depends, Request
from obstore.store import ObjectStore

from app.cache import Cache, cache_for
from app.database import Database
from app.settings import Settings
from app.storage import store_for


@dataclass(frozen=True)
class Services:
    settings: Settings
    database: Database
    cache: Cache
    store: ObjectStore | None
    http: httpx2.AsyncClient

    @classmethod
    def from_settings(cls, settings: Settings) -> "Services":
        return cls(
            settings=settings,
            database=Database(settings),
            cache=cache_for(settings),
            store=store_for(settings),
            http=httpx2.AsyncClient(timeout=30),
        )

    async def close(self) -> None:
        await self.database.close()
        await self.cache.close()
        await self.http.aclose()


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(_services)]
