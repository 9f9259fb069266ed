"""Configuration, read once from the environment; every fault is named before anything starts."""

import secrets
from typing import Literal

from pydantic import Field, PositiveInt, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError


class Settings(BaseSettings):
    # A fault is reported without the value at fault: it may hold a password.
    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    environment: str = "development"
    debug: bool = False
    app_name: str = "Analytics Studio"
    app_version: str = "0.1.0"

    database_url: SecretStr
    db_pool_size: PositiveInt = 10
    db_max_overflow: int = Field(default=20, ge=0)

    redis_url: SecretStr | None = None
    cache_ttl: PositiveInt = 3600

    openai_api_key: SecretStr | None = None
    openai_model: str = "gpt-4o-mini"

    # Without a key of its own, a process makes one up: fine for one developer, useless for two tasks.
    secret_key: SecretStr = Field(default_factory=lambda: SecretStr(secrets.token_urlsafe(32)))
    access_token_expire_minutes: PositiveInt = 30

    aws_s3_bucket: str | None = None
    aws_region: str = "us-east-1"

    max_query_rows: PositiveInt = 100_000
    query_timeout_seconds: PositiveInt = 300

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    log_format: Literal["json", "text"] = "text"

    cors_origins: list[str] = []

    @field_validator("database_url")
    @classmethod
    def _is_postgresql(cls, value: SecretStr) -> SecretStr:
        try:
            url = make_url(value.get_secret_value())
        except (ArgumentError, ValueError):
            # SQLAlchemy's own message can quote a part of the password.
            message = "not a database URL; the password must be percent-encoded"
            raise ValueError(message) from None
        if url.get_backend_name() != "postgresql":
            message = f"expected postgresql+asyncpg://…, not {url.drivername}://…"
            raise ValueError(message)
        return value

    @property
    def is_development(self) -> bool:
        return self.environment == "development"

    @property
    def sqlalchemy_url(self) -> URL:
        return make_url(self.database_url.get_secret_value()).set(drivername="postgresql+asyncpg")

    def missing_outside_development(self) -> list[str]:
        if self.is_development or "secret_key" in self.model_fields_set:
            return []
        return ["SECRET_KEY: required when ENVIRONMENT is not development"]


def load_settings() -> Settings:
    """The settings, or the end of the process with every fault in one line."""
    try:
        settings = Settings()
        faults = settings.missing_outside_development()
    except ValidationError as error:
        faults = [f"{str(fault['loc'][0]).upper()}: {fault['msg']}" for fault in error.errors()]
    except SettingsError as error:
        faults = [str(error)]
    if faults:
        raise SystemExit(f"ERROR invalid configuration: {'; '.join(faults)}")
    return settings
