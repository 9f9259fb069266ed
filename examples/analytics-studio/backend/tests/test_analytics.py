from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from app.api import create_app
from app.cache import RedisCache
from app.settings import Settings
from tests.conftest import services_for


def test_summary_comes_from_the_database_then_from_the_cache(client: TestClient) -> None:
    first, second = (client.get("/api/summary").json() for _ in range(2))
    assert first["source"] == "database"
    assert second["source"] == "cache"
    assert first["rows"] == second["rows"]
    assert [row["label"] for row in first["rows"]] == [f"2025-{month:02}" for month in range(1, 13)]
    assert sum(row["orders"] for row in first["rows"]) == 6000


def test_summary_breaks_down_by_revenue(client: TestClient) -> None:
    revenues = [row["revenue"] for row in client.get("/api/summary", params={"by": "region"}).json()["rows"]]
    assert len(revenues) == 4
    assert revenues == sorted(revenues, reverse=True)


def test_a_cache_that_is_away_costs_time_not_answers(settings: Settings) -> None:
    services = services_for(settings, cache=RedisCache("redis://127.0.0.1:1/0", 60))
    with TestClient(create_app(services)) as client:
        for _ in range(2):
            response = client.get("/api/summary")
            assert response.status_code == 200
            assert response.json()["source"] == "database"


def test_query_groups_filters_and_orders(client: TestClient) -> None:
    question = {
        "dataset": "sales",
        "dimensions": ["region", "month"],
        "measures": [{"function": "sum", "column": "revenue"}, {"function": "count", "column": "units"}],
        "filters": [
            {"column": "sold_on", "operator": ">=", "value": "2025-11-01"},
            {"column": "region", "operator": "!=", "value": "Europe"},
            {"column": "units", "operator": ">", "value": 1.5},
        ],
        "order_by": "sum_revenue",
        "descending": True,
        "limit": 4,
    }
    answer = client.post("/api/query", json=question).json()
    assert answer["source"] == "database"
    assert answer["columns"] == ["region", "month", "sum_revenue", "count_units"]
    assert answer["truncated"] is True
    assert len(answer["rows"]) == 4
    assert {row[1] for row in answer["rows"]} <= {"2025-11", "2025-12"}
    assert "Europe" not in {row[0] for row in answer["rows"]}
    revenues = [row[2] for row in answer["rows"]]
    assert revenues == sorted(revenues, reverse=True)
    assert client.post("/api/query", json=question).json() == {**answer, "source": "cache"}


def test_query_without_measures_lists_rows(client: TestClient) -> None:
    question = {"dataset": "visits", "dimensions": ["day", "channel"], "limit": 2}
    assert client.post("/api/query", json=question).json()["rows"] == [
        ["2025-01-01", "Direct"],
        ["2025-01-01", "Newsletter"],
    ]


def test_query_returns_at_most_max_query_rows(settings: Settings) -> None:
    services = services_for(settings.model_copy(update={"max_query_rows": 5}))
    with TestClient(create_app(services)) as client:
        answer = client.post("/api/query", json={"dataset": "sales", "dimensions": ["region"], "limit": 1000}).json()
    assert len(answer["rows"]) == 5
    assert answer["truncated"] is True


def test_a_value_is_never_read_as_sql(client: TestClient) -> None:
    question = {
        "dataset": "sales",
        "dimensions": ["region"],
        "filters": [{"column": "region", "operator": "=", "value": "' OR 1=1 --"}],
    }
    assert client.post("/api/query", json=question).json()["rows"] == []


@pytest.mark.parametrize(
    ("question", "fault"),
    [
        ({"dataset": "pg_shadow", "dimensions": ["passwd"]}, "unknown dataset 'pg_shadow'; known: sales, visits"),
        ({"dataset": "sales"}, "ask for at least one dimension or measure"),
        ({"dataset": "sales", "dimensions": ["id"]}, "unknown dimension 'id'"),
        ({"dataset": "sales", "dimensions": ["region", "region"]}, "asked for twice"),
        ({"dataset": "sales", "measures": [{"function": "sum", "column": "region"}]}, "unknown measure 'region'"),
        ({"dataset": "sales", "measures": [{"function": "pg_sleep", "column": "units"}]}, "Input should be 'sum'"),
        ({"dataset": "sales", "dimensions": ["region"], "order_by": "units; drop table sales"}, "unknown order_by"),
        ({"dataset": "sales", "dimensions": ["region"], "sql": "select 1"}, "Extra inputs are not permitted"),
        (
            {"dataset": "sales", "dimensions": ["region"], "filters": [{"column": "x", "operator": "=", "value": 1}]},
            "unknown filter 'x'",
        ),
        (
            {
                "dataset": "sales",
                "dimensions": ["month"],
                "filters": [{"column": "region", "operator": "=", "value": 1}],
            },
            "filter on 'region' got a value of another type",
        ),
        (
            {
                "dataset": "sales",
                "dimensions": ["month"],
                "filters": [{"column": "sold_on", "operator": "=", "value": "soon"}],
            },
            "Invalid isoformat string",
        ),
    ],
)
def test_query_refuses_what_the_catalogue_does_not_know(
    client: TestClient, question: dict[str, Any], fault: str
) -> None:
    response = client.post("/api/query", json=question)
    assert response.status_code == 422
    assert fault in response.text


def test_a_query_ends_at_its_time_limit(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def sleep(*_: object, **__: object) -> object:
        return select(func.pg_sleep(10))

    monkeypatch.setattr("app.routes.analytics.build_select", sleep)
    with TestClient(create_app(services_for(settings.model_copy(update={"query_timeout_seconds": 1})))) as client:
        response = client.post("/api/query", json={"dataset": "sales", "dimensions": ["region"]})
    assert response.status_code == 504
    assert response.json() == {"detail": "the query took too long"}


def test_browsers_of_known_origins_may_ask(settings: Settings) -> None:
    services = services_for(settings.model_copy(update={"cors_origins": ["https://analytics.example.com"]}))
    with TestClient(create_app(services)) as client:
        known, unknown = (
            client.get("/api/summary", headers={"origin": origin}).headers.get("access-control-allow-origin")
            for origin in ("https://analytics.example.com", "https://evil.example")
        )
    assert known == "https://analytics.example.com"
    assert unknown is None
