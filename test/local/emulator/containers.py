"""Keeps the containers behind ECS, RDS and ElastiCache on one private network, unpublished, and marked as ours."""

import json
import os
import threading

NETWORK = os.environ.get("DOCKER_NETWORK", "")
PORT = os.environ.get("GATEWAY_PORT", "4566")
GATEWAY = os.environ.get("SLIPWAY_GATEWAY", "")
TLS_DIR = os.environ.get("SLIPWAY_TLS_DIR", "")
HOST_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
TASK_BUNDLE = "/etc/ssl/certs/slipway-local.crt"
LABELS = json.loads(os.environ.get("SLIPWAY_LABELS") or "{}")
PREFIX = "ministack-"
TRUST = threading.Lock()


def own_name(name):
    """Several emulators may share a daemon; ministack names a database's container after the database alone."""
    suffix = f"-{PORT}"
    if name and name.startswith(PREFIX) and not name.endswith(suffix):
        return name + suffix
    return name


def confine():
    if not NETWORK:
        # No Docker wanted: a socket that is not there makes every resource one on paper.
        os.environ["DOCKER_HOST"] = "unix:///nonexistent/docker.sock"
        return

    from docker.models.containers import ContainerCollection

    def confined(original):
        def launch(self, image, command=None, **kwargs):
            return original(self, image, command, **restrict(kwargs))

        return launch

    def get(self, container_id, _original=ContainerCollection.get):
        # ministack looks for itself among the containers, by HOSTNAME; it is none.
        if not container_id:
            raise LookupError("no container")
        return _original(self, own_name(container_id))

    ContainerCollection.run = confined(ContainerCollection.run)
    ContainerCollection.create = confined(ContainerCollection.create)
    ContainerCollection.get = get


def restrict(kwargs):
    kwargs = dict(kwargs)
    if kwargs.get("labels", {}).get("slipway.local"):
        return kwargs
    kwargs["labels"] = {**(kwargs.get("labels") or {}), **LABELS}
    kwargs["name"] = own_name(kwargs.get("name"))
    kwargs.pop("extra_hosts", None)
    if kwargs.pop("network_mode", None) or not kwargs.get("network"):
        kwargs["network"] = NETWORK
    if kwargs["labels"].get("ministack") == "ecs":
        kwargs.update(task(kwargs))
    else:
        # The emulator and the tasks reach databases on the private network: nothing to publish.
        kwargs.pop("ports", None)
    return kwargs


def task(kwargs):
    """What a task's container gets in AWS by other means: a way to the AWS API, credentials, trusted roots."""
    environment = dict(kwargs.get("environment") or {})
    endpoint = f"http://{GATEWAY}:{PORT}"
    for name in ("ECS_CONTAINER_METADATA_URI_V4", "AWS_ENDPOINT_URL"):
        value = environment.get(name, "")
        for host in ("host.docker.internal", "127.0.0.1", "localhost"):
            value = value.replace(f"http://{host}:{PORT}", endpoint)
        if value:
            environment[name] = value
    # SDKs accept plain-HTTP task credentials from link-local addresses only, so they get keys instead.
    environment.pop("AWS_CONTAINER_CREDENTIALS_FULL_URI", None)
    environment.pop("AWS_CONTAINER_AUTHORIZATION_TOKEN", None)
    environment.setdefault("AWS_ACCESS_KEY_ID", os.environ.get("AWS_ACCESS_KEY_ID", "test"))
    environment.setdefault("AWS_SECRET_ACCESS_KEY", os.environ.get("AWS_SECRET_ACCESS_KEY", "test"))
    environment.setdefault("AWS_REGION", os.environ.get("MINISTACK_REGION", "us-east-1"))
    changed = {"environment": environment}

    # AWS's own endpoints have publicly trusted certificates; the emulated Redis has one of the emulator's.
    bundle = trust_bundle()
    if bundle:
        volumes = list(kwargs.get("volumes") or [])
        changed["volumes"] = [*volumes, f"{bundle}:{TASK_BUNDLE}:ro"]
        environment["SSL_CERT_FILE"] = TASK_BUNDLE

    # Dynamic ports of bridge-mode tasks: on loopback, whatever the daemon's default address is.
    ports = kwargs.get("ports")
    if ports:
        changed["ports"] = {
            inside: ("127.0.0.1", int(outside)) if outside else ("127.0.0.1",)
            for inside, outside in ports.items()
        }
    return changed


def trust_bundle():
    if not TLS_DIR:
        return None
    from ministack.services import elasticache

    # Tasks start side by side.
    with TRUST:
        pem, _key = elasticache._ensure_serverless_ca()
        if isinstance(pem, bytes):
            pem = pem.decode()
        path = os.path.join(TLS_DIR, "trusted.crt")
        if not os.path.exists(path):
            host = open(HOST_BUNDLE).read() if os.path.exists(HOST_BUNDLE) else ""
            with open(path + ".partial", "w") as bundle:
                bundle.write(host + "\n" + pem)
            os.chmod(path + ".partial", 0o644)
            os.replace(path + ".partial", path)
        return path
