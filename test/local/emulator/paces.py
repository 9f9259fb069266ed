"""How long resources take to be created.

AWS: a database takes minutes. Here everything is there at once, which says nothing about a tool that waits. Whoever
measures one sets the seconds of each type by POST /_slipway/pace: {"AWS::RDS::DBInstance": 12}; {} ends it. Updates
have a pace of their own: {"update AWS::ECS::Service": 1}.
"""

import json
import time

from ministack.services.cloudformation import provisioners, stacks

PATH = "/_slipway/pace"

_seconds = {}


def heed():
    on_worker_thread = stacks._runs_on_worker_thread
    # What waits must not do so on the thread that answers every request.
    stacks._runs_on_worker_thread = lambda kind: (
        kind in _seconds or f"update {kind}" in _seconds or on_worker_thread(kind)
    )
    for kind, handlers in provisioners._RESOURCE_HANDLERS.items():
        for verb, pace in (("create", kind), ("update", f"update {kind}")):
            if handlers.get(verb):
                handlers[verb] = paced(pace, handlers[verb])


def paced(pace, work):
    def later(*arguments, **named):
        time.sleep(_seconds.get(pace, 0))
        return work(*arguments, **named)

    return later


def settable(application):
    async def setting(scope, receive, send):
        if scope["type"] != "http" or scope["path"] != PATH:
            await application(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        _seconds.clear()
        _seconds.update(json.loads(body or b"{}"))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return setting
