"""The application, put together from its parts."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, status
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse

from app.database import DatabaseUnavailableError, QueryTimedOutError
from app.requests import RequestLog
from app.routes import analytics, ask, datasets, health
from app.services import Services

logger = logging.getLogger(__name__)


def create_app(services: Services) -> FastAPI:
    settings = services.settings

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await services.close()

    # Everything is under /api, where CloudFront sends it; the load balancer asks /health directly.
    app = FastAPI(
        title=settings.app_name,
        version=settings.app_version,
        debug=settings.debug,
        lifespan=lifespan,
        docs_url="/api/docs",
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    app.state.services = services
    app.include_router(health.router)
    for router in (health.router, analytics.router, datasets.router, ask.router):
        app.include_router(router, prefix="/api")
    app.add_middleware(RequestLog)
    # Added last, so it is the outermost: a browser may read our errors, too.
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.cors_origins,
        allow_methods=["GET", "POST"],
        allow_headers=["content-type"],
    )
    app.add_exception_handler(DatabaseUnavailableError, _database_unavailable)
    app.add_exception_handler(QueryTimedOutError, _query_timed_out)
    return app


async def _database_unavailable(_: Request, error: Exception) -> JSONResponse:
    logger.error("the database is not reachable: %s", error.__cause__.__class__.__name__)
    return JSONResponse({"detail": "the database is not reachable"}, status.HTTP_503_SERVICE_UNAVAILABLE)


async def _query_timed_out(_: Request, error: Exception) -> JSONResponse:
    logger.error("a query ran into its time limit: %s", error)
    return JSONResponse({"detail": "the query took too long"}, status.HTTP_504_GATEWAY_TIMEOUT)
