from typing import Any

import pytest

from app.settings import Settings, load_settings

GUIDE = {
    "ENVIRONMENT": "production",
    "DEBUG": "false",
    "APP_NAME": "Analytics Studio",
    "APP_VERSION": "0.1.0",
    "DATABASE_URL": "postgresql+asyncpg://admin:p%40ss@db.example:5432/analytics_studio?ssl=require",
    "DB_POOL_SIZE": "10",
    "DB_MAX_OVERFLOW": "20",
    "REDIS_URL": "redis://cache.example:6379/0",
    "CACHE_TTL": "3600",
    "OPENAI_API_KEY": "sk-example",
    "OPENAI_MODEL": "gpt-4o-mini",
    "SECRET_KEY": "signing-key",
    "ACCESS_TOKEN_EXPIRE_MINUTES": "30",
    "AWS_S3_BUCKET": "analytics-studio-uploads",
    "AWS_REGION": "us-east-1",
    "MAX_QUERY_ROWS": "100000",
    "QUERY_TIMEOUT_SECONDS": "300",
    "LOG_LEVEL": "INFO",
    "LOG_FORMAT": "json",
    "CORS_ORIGINS": '["https://analytics.example.com"]',
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in GUIDE.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.mark.usefixtures("environment")
def test_reads_every_variable_of_the_guide() -> None:
    settings = load_settings()
    assert {name.lower() for name in GUIDE} == set(Settings.model_fields)
    assert settings.model_fields_set == set(Settings.model_fields)
    assert settings.sqlalchemy_url.password == "p@ss"
    assert settings.cors_origins == ["https://analytics.example.com"]


@pytest.mark.parametrize(
    ("variable", "value", "fault"),
    [
        ("DATABASE_URL", "postgresql://u@host:hunter2/db", "DATABASE_URL: Value error, not a database URL"),
        ("DATABASE_URL", "mysql://u:hunter2@host/db", "DATABASE_URL: Value error, expected postgresql+asyncpg://"),
        ("DB_POOL_SIZE", "none", "DB_POOL_SIZE: Input should be a valid integer"),
        ("CACHE_TTL", "0", "CACHE_TTL: Input should be greater than 0"),
        ("LOG_LEVEL", "loud", "LOG_LEVEL: Input should be 'DEBUG', 'INFO'"),
        ("CORS_ORIGINS", "https://a.example", 'error parsing value for field "cors_origins"'),
        ("SECRET_KEY", "", "SECRET_KEY: required when ENVIRONMENT is not development"),
    ],
)
def test_names_the_fault_and_keeps_the_value_to_itself(
    environment: pytest.MonkeyPatch, variable: str, value: str, fault: str
) -> None:
    environment.setenv(variable, value)
    with pytest.raises(SystemExit) as stopped:
        load_settings()
    assert fault in str(stopped.value)
    assert "hunter2" not in str(stopped.value)


def test_names_all_faults_at_once(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("DATABASE_URL")
    environment.setenv("MAX_QUERY_ROWS", "many")
    with pytest.raises(SystemExit, match=r"DATABASE_URL: Field required; MAX_QUERY_ROWS: "):
        load_settings()


@pytest.mark.usefixtures("environment")
def test_secrets_do_not_show_when_printed() -> None:
    shown: Any = repr(load_settings())
    for secret in ("p%40ss", "sk-example", "signing-key"):
        assert secret not in shown
