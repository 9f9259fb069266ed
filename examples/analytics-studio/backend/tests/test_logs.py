import json
import logging

import pytest
from fastapi.testclient import TestClient

from app.api import create_app
from app.logs import configure_logging
from app.settings import Settings
from tests.conftest import services_for


@pytest.fixture
def json_logs(settings: Settings) -> Settings:
    return settings.model_copy(update={"log_format": "json"})


def test_logs_are_json_lines_that_the_guides_log_queries_find(
    json_logs: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(json_logs)
    with TestClient(create_app(services_for(json_logs))) as client:
        client.get("/api/summary", headers={"x-amzn-trace-id": "Root=1-abc"})
    logging.getLogger("test").error("it broke")

    entries = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    query, request, fault = entries[-3:]
    assert query["message"].startswith("query took ")
    assert query["message"].endswith(" ms")
    assert query["query"] == "summary"
    assert request["message"] == "GET /api/summary answered 200"
    assert {query["request_id"], request["request_id"]} == {"Root=1-abc"}
    assert fault["level"] == "ERROR"


def test_a_fault_nobody_expected_is_logged_with_its_trace_and_answered_in_json(
    json_logs: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(json_logs)
    app = create_app(services_for(json_logs))

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("inner detail")

    with TestClient(app) as client:
        response = client.get("/broken", headers={"x-amzn-trace-id": "Root=1-def"})
    assert response.status_code == 500
    assert response.json() == {"detail": "internal error", "request_id": "Root=1-def"}

    entry = json.loads(capsys.readouterr().out.splitlines()[0])
    assert entry["level"] == "ERROR"
    assert "inner detail" in entry["exception"]
