import json

import httpx2
import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from app.api import create_app
from app.settings import Settings
from tests.conftest import services_for

QUERY = {"dataset": "sales", "dimensions": ["region"], "measures": [{"function": "sum", "column": "revenue"}]}


def ask(settings: Settings, reply: httpx2.Response) -> tuple[httpx2.Response, list[httpx2.Request]]:
    requests: list[httpx2.Request] = []

    def openai(request: httpx2.Request) -> httpx2.Response:
        requests.append(request)
        return reply

    with_key = settings.model_copy(update={"openai_api_key": SecretStr("sk-test")})
    with TestClient(create_app(services_for(with_key, openai=openai))) as client:
        return client.post("/api/ask", json={"question": "Revenue by region?"}), requests


def completion(content: str) -> httpx2.Response:
    return httpx2.Response(200, json={"choices": [{"message": {"content": content}}]})


def test_without_a_key_it_says_so(client: TestClient) -> None:
    response = client.post("/api/ask", json={"question": "Revenue by region?"})
    assert response.status_code == 503
    assert "not configured" in response.json()["detail"]


def test_the_models_query_is_run(settings: Settings) -> None:
    response, [request] = ask(settings, completion(json.dumps(QUERY)))
    assert response.status_code == 200
    assert response.json()["query"]["dataset"] == "sales"
    assert len(response.json()["result"]["rows"]) == 4
    assert request.headers["authorization"] == "Bearer sk-test"
    assert json.loads(request.content)["model"] == "gpt-4o-mini"


@pytest.mark.parametrize(
    "content", ["DROP TABLE sales", json.dumps({"dataset": "pg_shadow", "dimensions": ["passwd"]})]
)
def test_an_answer_that_is_no_known_query_is_refused(settings: Settings, content: str) -> None:
    response, _ = ask(settings, completion(content))
    assert response.status_code == 422


def test_a_model_that_is_away_is_not_the_callers_fault(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    response, _ = ask(settings, httpx2.Response(401, text="bad key sk-test"))
    assert response.status_code == 502
    assert "sk-test" not in caplog.text
