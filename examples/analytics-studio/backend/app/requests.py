"""One log line a request, and an answer in JSON for a fault that nothing else caught."""

import logging
from time import perf_counter
from uuid import uuid4

from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.logs import request_id

HEALTH_PATHS = frozenset({"/health", "/api/health"})

logger = logging.getLogger(__name__)


class RequestLog:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        request_id.set(_trace_id(scope))
        started = perf_counter()
        status = 0

        async def send_and_note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_note_status)
        except ClientDisconnect:
            logger.info("the client went away during %s %s", scope["method"], scope["path"])
            return
        except Exception:
            logger.exception("%s %s failed", scope["method"], scope["path"])
            if status:
                raise
            fault = {"detail": "internal error", "request_id": request_id.get()}
            await JSONResponse(fault, status_code=500)(scope, receive, send_and_note_status)

        # The load balancer asks every few seconds; its questions would drown the others.
        level = logging.DEBUG if scope["path"] in HEALTH_PATHS else logging.INFO
        logger.log(
            level,
            "%s %s answered %d",
            scope["method"],
            scope["path"],
            status,
            extra={"status": status, "duration_ms": round((perf_counter() - started) * 1000)},
        )


def _trace_id(scope: Scope) -> str:
    """The load balancer's own id, so that its access log and ours can be joined."""
    for name, value in scope["headers"]:
        if name == b"x-amzn-trace-id":
            return str(value, "latin-1")
    return uuid4().hex
