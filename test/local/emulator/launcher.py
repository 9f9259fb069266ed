"""Starts the AWS emulator (ministack) for the local run, with what it lacks added.

Settings come from the environment, as ministack's own do:
  GATEWAY_PORT            the one port of every service
  SLIPWAY_OWNER           a file with the process id of the owner: exit when that is gone, stay when the file is
  SLIPWAY_GATEWAY         address of the private Docker network's gateway, to listen on besides 127.0.0.1
  SLIPWAY_SUBNET          that network's address range
  DOCKER_NETWORK          that network's name; unset: no Docker, resources exist on paper
  SLIPWAY_LAYERS          a folder of image layers that the registry has from earlier runs
  SLIPWAY_TLS_DIR         a directory for the certificate authorities that tasks shall trust
"""

import ipaddress
import os
import signal
import sys
import threading
import time

import hypercorn.config
from ministack import app as emulator

import authorization
import containers
import corrections
import deployments
import health
import layers
import paces
import paper
import properties
import resources


def listen_on_the_private_network_too():
    """Tasks reach the emulator at their network's gateway; 127.0.0.1 is theirs alone."""
    gateway = os.environ.get("SLIPWAY_GATEWAY")
    if not gateway:
        return
    port = os.environ["GATEWAY_PORT"]
    base = hypercorn.config.Config

    class TwoAddresses(base):
        @property
        def bind(self):
            return base.bind.fget(self)

        @bind.setter
        def bind(self, value):
            base.bind.fset(self, [*value, f"{gateway}:{port}"])

    hypercorn.config.Config = TwoAddresses


def refuse_strangers(application):
    """Linux answers on any local address whichever interface a packet came by, so a listening address alone
    does not keep out other containers or a neighbour who routes through this machine: the peer's address does."""
    subnets = [ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128")]
    if os.environ.get("SLIPWAY_SUBNET"):
        subnets.append(ipaddress.ip_network(os.environ["SLIPWAY_SUBNET"]))

    async def guarded(scope, receive, send):
        if scope["type"] in ("http", "websocket"):
            peer = (scope.get("client") or ("",))[0]
            try:
                known = any(ipaddress.ip_address(peer) in subnet for subnet in subnets)
            except ValueError:
                known = False
            if not known:
                if scope["type"] == "http":
                    await send({"type": "http.response.start", "status": 403, "headers": []})
                    await send({"type": "http.response.body", "body": b"not reachable from here\n"})
                return
        await application(scope, receive, send)

    return guarded


def viewers_come_by_https(application):
    """AWS: a site is served by HTTPS, and plain HTTP is redirected there. This port has no certificate: whoever asks
    for `<name>.cloudfront.localhost` (a browser finds that on loopback) counts as having come by HTTPS. Under the
    distribution's own name, `<name>.cloudfront.net`, the redirect is what it is on AWS."""

    async def as_https(scope, receive, send):
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            host = headers.get(b"host", b"").decode().split(":")[0]
            if host.endswith(".cloudfront.localhost") and b"x-forwarded-proto" not in headers:
                scope = {**scope, "headers": [*scope["headers"], (b"x-forwarded-proto", b"https")]}
        await application(scope, receive, send)

    return as_https


def end_with_owner():
    file = os.environ.get("SLIPWAY_OWNER")
    if not file:
        return

    def watch():
        while True:
            time.sleep(0.5)
            try:
                with open(file) as owner:
                    os.kill(int(owner.read()), 0)
            except FileNotFoundError:
                return
            except ProcessLookupError:
                os.kill(os.getpid(), signal.SIGTERM)
                return
            except PermissionError:
                pass

    threading.Thread(target=watch, daemon=True).start()


def main():
    resources.register()
    corrections.apply()
    properties.keep()
    deployments.keep_records()
    health.play_health_checks()
    layers.outlive()
    containers.confine()
    paces.heed()
    authorization.follow_aws()
    listen_on_the_private_network_too()
    end_with_owner()
    emulator.app = refuse_strangers(viewers_come_by_https(paper.told(paces.settable(authorization.told(emulator.app)))))
    sys.argv = ["ministack"]
    emulator.main()


if __name__ == "__main__":
    main()
