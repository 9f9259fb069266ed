from fastapi.testclient import TestClient

from app.api import create_app
from app.cache import RedisCache
from tests.conftest import services_for, settings_for

NOWHERE = "127.0.0.1:1"


def test_health_is_reachable_directly_and_through_the_cdn(client: TestClient) -> None:
    for path in ("/health", "/api/health"):
        response = client.get(path)
        assert response.status_code == 200
        assert response.json() == {
            "status": "ok",
            "name": "Analytics Studio",
            "version": "0.1.0",
            "environment": "development",
        }


def test_ready_without_a_cache(client: TestClient) -> None:
    response = client.get("/health/ready")
    assert response.status_code == 200
    assert response.json() == {"status": "ready", "database": "ok", "cache": "not configured"}


def test_without_its_database_it_is_alive_but_not_ready() -> None:
    settings = settings_for(f"postgresql+asyncpg://u:p@{NOWHERE}/db", redis_url=f"redis://{NOWHERE}/0")
    with TestClient(create_app(services_for(settings, cache=RedisCache(f"redis://{NOWHERE}/0", 1)))) as client:
        assert client.get("/health").status_code == 200

        ready = client.get("/health/ready")
        assert ready.status_code == 503
        assert ready.json() == {"status": "not ready", "database": "failed", "cache": "failed"}

        summary = client.get("/api/summary")
        assert summary.status_code == 503
        assert summary.json() == {"detail": "the database is not reachable"}


def test_a_database_that_refuses_us_is_a_503_too(server_url: str) -> None:
    settings = settings_for(f"{server_url}/no_such_database")
    with TestClient(create_app(services_for(settings))) as client:
        assert client.get("/api/summary").status_code == 503
