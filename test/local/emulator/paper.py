"""What stacks ask for and the emulator has no service for: kept on paper, and told at GET /_slipway/paper.

Nothing is proved by it: whoever reads it learns what CloudFormation handed over, resolved, and no more. Each entry
says its account and region, since types are kept apart by them as on AWS.
"""

import json

from ministack.core.responses import get_account_id, get_region

PATH = "/_slipway/paper"

# (account, region, type, physical id) -> entry
_entries = {}


def _key(kind, identity):
    return get_account_id(), get_region(), kind, identity


def note(kind, identity, properties, stack="", logical_id=""):
    account, region, *_ = key = _key(kind, identity)
    known = _entries.get(key, {})
    _entries[key] = {
        "account": account,
        "region": region,
        "type": kind,
        "id": identity,
        "stack": stack or known.get("stack", ""),
        "logicalId": logical_id or known.get("logicalId", ""),
        "properties": properties,
    }


def forget(kind, identity):
    _entries.pop(_key(kind, identity), None)


def told(application):
    async def telling(scope, receive, send):
        if scope["type"] != "http" or scope["path"] != PATH:
            await application(scope, receive, send)
            return
        body = json.dumps(list(_entries.values()), default=str).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return telling
