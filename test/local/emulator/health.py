"""What makes a task of a service count as healthy on AWS, and what stops it when it is not.

AWS: a task counts for its deployment when its containers' health checks and its load balancer's pass; one that fails
them is stopped and replaced. ministack knows neither: its targets are always healthy, and its containers have no check.
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/healthcheck.html
"""

import http.client
import re
import time

from ministack.core.responses import get_account_id, get_region
from ministack.services import alb, ecs

SECOND = 1_000_000_000
# (target group, address) -> (state, reason code, description); absent: healthy.
TARGETS = {}


def play_health_checks():
    run_arguments, mark_running = ecs._build_run_kwargs, ecs._mark_task_running
    mark_stable, describe, proxy = ecs._record_service_task_healthy, alb._describe_target_health, alb._proxy_http_target

    def with_health_check(container, *args, **kwargs):
        return {**run_arguments(container, *args, **kwargs), **health_check(container)}

    def watched(arn, task):
        # Decided first: what counts as running before that may be taken for stable.
        task["_healthy"] = not (has_check(task) or balancers(task))
        marked = mark_running(arn, task)
        if marked and not task["_healthy"]:
            ecs.spawn_background(watch, task, thread_name=f"slipway-health-{arn[-8:]}")
        return marked

    def stable_when_healthy(key, task):
        if task.get("_healthy", True):
            mark_stable(key, task)

    def with_states(params):
        status, headers, body = describe(params)
        text = body.decode() if isinstance(body, bytes) else body
        return status, headers, told(text, alb._p(params, "TargetGroupArn")).encode()

    async def to_healthy(target, group, *args, **kwargs):
        arn = group.get("TargetGroupArn")
        healthy = [one for one in alb._targets.get(arn, []) if (arn, one["Id"]) not in TARGETS]
        # AWS: with none healthy, all of them get requests.
        chosen = alb.random.choice(healthy) if healthy else target
        return await proxy(chosen, group, *args, **kwargs)

    ecs._build_run_kwargs = with_health_check
    ecs._mark_task_running = watched
    ecs._record_service_task_healthy = stable_when_healthy
    alb._ACTION_MAP["DescribeTargetHealth"] = with_states
    alb._proxy_http_target = to_healthy


def health_check(container):
    check = container.get("healthCheck")
    if not check:
        return {}
    test = check["command"]
    return {
        "healthcheck": {
            "test": test if test[0] in ("CMD", "CMD-SHELL", "NONE") else ["CMD", *test],
            "interval": check.get("interval", 30) * SECOND,
            "timeout": check.get("timeout", 5) * SECOND,
            "retries": check.get("retries", 3),
            "start_period": check.get("startPeriod", 0) * SECOND,
        }
    }


def has_check(task):
    definition = ecs._task_defs.get(ecs._resolve_td_key(task["taskDefinitionArn"])) or {}
    return any(container.get("healthCheck") for container in definition.get("containerDefinitions", []))


def service_of(task):
    kind, _, name = task.get("group", "").partition(":")
    cluster = ecs._cluster_name_from_arn(task["clusterArn"])
    return f"{cluster}/{name}" if kind == "service" else ""


def balancers(task):
    service = ecs._services.get(service_of(task)) or {}
    return [entry for entry in service.get("loadBalancers") or [] if entry.get("targetGroupArn") in alb._tgs]


def watch(task):
    """Follows one task until it stops; tells the service when it is healthy, and stops it when it is not."""
    arn, address, key = task["taskArn"], ecs._task_ip(task), service_of(task)
    groups = {entry["targetGroupArn"]: int(entry["containerPort"]) for entry in balancers(task)}
    started = time.monotonic()
    grace = (ecs._services.get(key) or {}).get("healthCheckGracePeriodSeconds") or 0
    try:
        while ecs._task_is_active(arn, task):
            healths = container_healths(task)
            states = {group: ask(alb._tgs[group], address, port) for group, port in groups.items()}
            for group, state in states.items():
                if state is None:
                    TARGETS.pop((group, address), None)
                else:
                    TARGETS[(group, address)] = state
            waited = time.monotonic() - started
            failing = [group for group, state in states.items() if state and waited > grace + patience(group)]
            if "UNHEALTHY" in healths:
                return stop(task, "Task failed container health checks")
            if failing and not task["_healthy"]:
                return stop(task, f"Task failed ELB health checks in (target-group {failing[0]})")
            if not task["_healthy"] and set(healths) <= {"HEALTHY"} and not any(states.values()):
                task["_healthy"] = True
                if key:
                    ecs._schedule_service_deployment_completion(
                        key.split("/")[0], key, get_account_id(), get_region(), healthy_task=task
                    )
            time.sleep(0.2 if not task["_healthy"] else 2)
    finally:
        for group in groups:
            TARGETS.pop((group, address), None)


def container_healths(task):
    """Of the containers that have a check; the task is as healthy as the worst of them."""
    healths = []
    for index, identity in enumerate(list(task.get("_docker_ids") or [])):
        try:
            state = ecs._get_docker().containers.get(identity).attrs["State"].get("Health")
        except Exception:
            continue
        if state:
            told_by = {"healthy": "HEALTHY", "unhealthy": "UNHEALTHY"}.get(state["Status"], "UNKNOWN")
            task["containers"][index]["healthStatus"] = told_by
            healths.append(told_by)
    if healths:
        task["healthStatus"] = next(word for word in ("UNHEALTHY", "UNKNOWN", "HEALTHY") if word in healths)
    return healths


def patience(group):
    record = alb._tgs[group]
    return record["HealthCheckIntervalSeconds"] * record["UnhealthyThresholdCount"]


def ask(group, address, port):
    """None when the target passes, else its state as DescribeTargetHealth tells it."""
    try:
        connection = http.client.HTTPConnection(address, port, timeout=group["HealthCheckTimeoutSeconds"])
        connection.request("GET", group["HealthCheckPath"], headers={"User-Agent": "ELB-HealthChecker/2.0"})
        code = connection.getresponse().status
        connection.close()
    except TimeoutError:
        return "unhealthy", "Target.Timeout", "Request timed out"
    except (OSError, http.client.HTTPException):
        return "unhealthy", "Target.FailedHealthChecks", "Health checks failed"
    if any(within(code, part) for part in group["Matcher"]["HttpCode"].split(",")):
        return None
    return "unhealthy", "Target.ResponseCodeMismatch", f"Health checks failed with these codes: [{code}]"


def within(code, part):
    low, _, high = part.partition("-")
    return int(low) <= code <= int(high or low)


def stop(task, reason):
    """As the service scheduler does it: with the containers' last words kept, and counted as a failure."""
    if ecs._mark_task_stopped(task["taskArn"], task, reason, "ServiceSchedulerInitiated"):
        ecs._cleanup_task_resources(task, ecs._get_docker())
        ecs._record_service_task_failure(task)


def told(xml, group):
    def state(match):
        found = TARGETS.get((group, match.group(2)))
        if not found:
            return match.group(0)
        name, reason, description = found
        health = f"<State>{name}</State><Reason>{reason}</Reason><Description>{description}</Description>"
        return match.group(1) + re.sub(r"<State>healthy</State>", health, match.group(3))

    return re.sub(r"(<Target><Id>([^<]*)</Id>)(.*?</TargetHealth>)", state, xml, flags=re.S)
