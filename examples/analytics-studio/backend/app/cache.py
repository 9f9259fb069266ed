"""The query cache. It only ever saves time: when Redis is away, answers come from the database."""

import hashlib
import logging
from typing import Protocol

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.settings import Settings

# Longer than this, and asking the database would have been quicker.
REDIS_TIMEOUT_SECONDS = 1

logger = logging.getLogger(__name__)


class Cache(Protocol):
    async def get(self, key: str) -> bytes | None: ...

    async def set(self, key: str, value: bytes) -> None: ...

    async def ping(self) -> None:
        """Raises what keeps the cache from answering."""

    async def close(self) -> None: ...


class RedisCache:
    def __init__(self, url: str, ttl_seconds: int) -> None:
        self._redis = Redis.from_url(
            url, socket_timeout=REDIS_TIMEOUT_SECONDS, socket_connect_timeout=REDIS_TIMEOUT_SECONDS
        )
        self._ttl_seconds = ttl_seconds

    async def get(self, key: str) -> bytes | None:
        try:
            value = await self._redis.get(key)
        except (RedisError, OSError) as error:
            logger.warning("cache read failed: %s", type(error).__name__)
            return None
        return value if isinstance(value, bytes) else None

    async def set(self, key: str, value: bytes) -> None:
        try:
            await self._redis.set(key, value, ex=self._ttl_seconds)
        except (RedisError, OSError) as error:
            logger.warning("cache write failed: %s", type(error).__name__)

    async def ping(self) -> None:
        await self._redis.ping()

    async def close(self) -> None:
        await self._redis.aclose()


class NoCache:
    async def get(self, key: str) -> bytes | None:
        return None

    async def set(self, key: str, value: bytes) -> None:
        pass

    async def ping(self) -> None:
        pass

    async def close(self) -> None:
        pass


def cache_for(settings: Settings) -> Cache:
    if settings.redis_url is None:
        return NoCache()
    return RedisCache(settings.redis_url.get_secret_value(), settings.cache_ttl)


def cache_key(settings: Settings, kind: str, question: str) -> str:
    """Another version of the app, whose answers may look different, has keys of its own."""
    digest = hashlib.sha256(question.encode()).hexdigest()
    return f"analytics-studio:{settings.environment}:{settings.app_version}:{kind}:{digest}"
