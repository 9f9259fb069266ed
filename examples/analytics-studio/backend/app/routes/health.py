"""Is the process alive (the load balancer's question), and can it do its work (a person's, or a deployment's)?"""

import asyncio
import logging
from collections.abc import Awaitable
from typing import Literal

from fastapi import APIRouter, Response, status
from pydantic import BaseModel
from sqlalchemy import select

from app.services import ServicesDep

CHECK_TIMEOUT_SECONDS = 3

Check = Literal["ok", "failed", "not configured"]

logger = logging.getLogger(__name__)
router = APIRouter(prefix="/health", tags=["health"])


class Health(BaseModel):
    status: Literal["ok"] = "ok"
    name: str
    version: str
    environment: str


class Readiness(BaseModel):
    status: Literal["ready", "not ready"]
    database: Check
    cache: Check


@router.get("")
async def health(services: ServicesDep) -> Health:
    """Asks nothing of the database: a blip there must not make the load balancer kill every task."""
    settings = services.settings
    return Health(name=settings.app_name, version=settings.app_version, environment=settings.environment)


@router.get("/ready", responses={503: {"model": Readiness}})
async def ready(services: ServicesDep, response: Response) -> Readiness:
    cached = services.settings.redis_url is not None
    database, cache = await asyncio.gather(
        _check("database", services.database.read("ready", select(1))),
        _check("cache", services.cache.ping()),
    )
    if "failed" in (database, cache):
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
        return Readiness(status="not ready", database=database, cache=cache)
    return Readiness(status="ready", database=database, cache=cache if cached else "not configured")


async def _check(name: str, question: Awaitable[object]) -> Literal["ok", "failed"]:
    try:
        await asyncio.wait_for(question, CHECK_TIMEOUT_SECONDS)
    except Exception as error:  # whatever it is, it is what keeps us from being ready
        logger.warning("%s check failed: %s", name, type(error).__name__)
        return "failed"
    return "ok"
