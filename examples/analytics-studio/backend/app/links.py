"""Download links that expire: whoever holds one may fetch that file until then."""

import hashlib
import hmac
from dataclasses import dataclass
from time import time
from uuid import UUID

from app.settings import Settings


@dataclass(frozen=True)
class Link:
    expires: int
    signature: str


def sign(settings: Settings, dataset_id: UUID, expires: int | None = None) -> Link:
    if expires is None:
        expires = int(time()) + settings.access_token_expire_minutes * 60
    message = f"{dataset_id}:{expires}".encode()
    key = settings.secret_key.get_secret_value().encode()
    return Link(expires, hmac.new(key, message, hashlib.sha256).hexdigest())


def is_valid(settings: Settings, dataset_id: UUID, link: Link) -> bool:
    genuine = hmac.compare_digest(sign(settings, dataset_id, link.expires).signature, link.signature)
    return genuine and time() < link.expires
