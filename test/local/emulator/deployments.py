"""ECS's own records of deployments, which ministack answers with empty lists.

AWS: every deployment of a service has a record (ListServiceDeployments, DescribeServiceDeployments) that stays for 90
days and ends in a final status, and its target revision carries the deployment's number: `ecs-svc/<n>` and
`service-revision/<cluster>/<service>/<n>`. Here the records follow what the service's own list of deployments shows.
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-deployment.html
"""

import random
import threading
import time
from datetime import datetime

from ministack.core.responses import error_response_json, get_account_id, get_region, json_response, new_uuid
from ministack.services import ecs

RECORDS = {}  # service ARN -> its records, oldest first
LOCK = threading.RLock()
UNDER_WAY = ("PENDING", "IN_PROGRESS")
REPLACED = "Replaced by a new service deployment"


def keep_records():
    make = ecs._make_deployment

    def make_numbered(*args, **kwargs):
        return {**make(*args, **kwargs), "id": f"ecs-svc/{random.randrange(10**18, 10**19)}"}

    ecs._make_deployment = make_numbered
    create, update, complete = ecs._create_service, ecs._update_service, ecs._complete_service_deployment

    def create_on_record(data):
        answer = create(data)
        note(data.get("cluster"), data.get("serviceName"))
        return answer

    def update_on_record(data):
        # Before, too: what completed is not to be called replaced.
        note(data.get("cluster"), data.get("service"))
        answer = update(data)
        note(data.get("cluster"), data.get("service"))
        return answer

    def complete_on_record(cluster, key, *args, **kwargs):
        complete(cluster, key, *args, **kwargs)
        service = ecs._services.get(key)
        if service:
            follow(service)
            forget_failed(service)

    ecs._create_service, ecs._update_service = create_on_record, update_on_record
    ecs._complete_service_deployment = complete_on_record
    ecs._ACTION_MAP.update(
        {
            "CreateService": create_on_record,
            "UpdateService": update_on_record,
            "ListServiceDeployments": list_deployments,
            "DescribeServiceDeployments": describe_deployments,
            "DescribeServiceRevisions": describe_revisions,
            "StopServiceDeployment": stop_deployment,
        }
    )


def find(cluster, service):
    name, named_cluster = ecs._resolve_service_ref(service or "") or (None, None)
    return ecs._services.get(f"{named_cluster or ecs._resolve_cluster_name(cluster or 'default')}/{name}")


def note(cluster, service):
    found = find(cluster, service)
    if found:
        follow(found)


def arn_of(kind, service, suffix):
    cluster = service["clusterArn"].rsplit("/", 1)[-1]
    return f"arn:aws:ecs:{get_region()}:{get_account_id()}:{kind}/{cluster}/{service['serviceName']}/{suffix}"


def number_of(deployment):
    return deployment["id"].rsplit("/", 1)[-1]


def follow(service):
    """Brings the records of a service up to what its list of deployments shows, and returns them."""
    with LOCK:
        records = RECORDS.setdefault(service["serviceArn"], [])
        known = {record["id"] for record in records}
        for deployment in reversed(service["deployments"]):
            if deployment["id"] not in known:
                records.append(new_record(service, deployment, records[-1] if records else None))
        for record in records:
            advance(record, service)
        return records


def new_record(service, deployment, before):
    started = datetime.fromisoformat(deployment["createdAt"].replace("Z", "+00:00")).timestamp()
    return {
        "id": deployment["id"],
        "taskDefinition": deployment["taskDefinition"],
        "serviceDeploymentArn": arn_of("service-deployment", service, new_uuid().replace("-", "")[:21]),
        "serviceArn": service["serviceArn"],
        "clusterArn": service["clusterArn"],
        "targetServiceRevisionArn": arn_of("service-revision", service, number_of(deployment)),
        "sourceServiceRevisions": [{"arn": before["targetServiceRevisionArn"]}] if before else [],
        "createdAt": started,
        "startedAt": started,
        "status": "IN_PROGRESS",
        "counts": {},
        "failures": 0,
    }


def advance(record, service):
    if record["status"] not in (*UNDER_WAY, "ROLLBACK_IN_PROGRESS"):
        return
    own = next((entry for entry in service["deployments"] if entry["id"] == record["id"]), None)
    primary = ecs._primary_deployment(service)
    if own:
        record["counts"] = {
            "requestedTaskCount": own["desiredCount"],
            "runningTaskCount": own["runningCount"],
            "pendingTaskCount": own["pendingCount"],
        }
        record["failures"] = own.get("failedTasks", 0)
    if record["status"] == "ROLLBACK_IN_PROGRESS":
        back = record["rollback"]["serviceRevisionArn"].endswith("/" + number_of(primary))
        if not back:
            end(record, "STOPPED", REPLACED)
        elif primary["rolloutState"] == "COMPLETED":
            end(record, "ROLLBACK_SUCCESSFUL", record["rollback"]["reason"])
    elif own is primary and own["rolloutState"] == "COMPLETED":
        end(record, "SUCCESSFUL", "")
    elif own and own["rolloutState"] == "FAILED":
        record["triggered"] = "circuit breaker" in own["rolloutStateReason"]
        if own is primary:
            end(record, "STOPPED", own["rolloutStateReason"])
            return
        record["status"] = "ROLLBACK_IN_PROGRESS"
        record["rollback"] = {
            "reason": own["rolloutStateReason"],
            "startedAt": time.time(),
            "serviceRevisionArn": arn_of("service-revision", service, number_of(primary)),
        }
        advance(record, service)
    elif own is not primary:
        end(record, "STOPPED", REPLACED)


def end(record, status, reason):
    record.update(status=status, statusReason=reason, finishedAt=time.time())


def forget_failed(service):
    """AWS: a failed deployment leaves the service's list with its last task; ministack keeps it for good."""
    alive = {
        task.get("_deployment_id") for task in ecs._tasks.values() if task.get("lastStatus") in ecs._PRE_STOP_STATUSES
    }
    with ecs.resource_lock("ecs-service", f"{service['clusterArn'].rsplit('/', 1)[-1]}/{service['serviceName']}"):
        primary = ecs._primary_deployment(service)
        if primary and primary["rolloutState"] == "COMPLETED":
            service["deployments"] = [
                entry for entry in service["deployments"] if entry is primary or entry["id"] in alive
            ]


# --- The calls --------------------------------------------------------------------------------------------------


def every_record():
    for service in list(ecs._services.values()):
        for record in follow(service):
            yield service, record


def list_deployments(data):
    service = find(data.get("cluster"), data.get("service"))
    if not service:
        return error_response_json("ServiceNotFoundException", "Service not found.", 400)
    created, statuses = data.get("createdAt") or {}, data.get("status") or []
    fields = "serviceDeploymentArn serviceArn clusterArn targetServiceRevisionArn createdAt startedAt finishedAt status statusReason"
    briefs = [
        {name: record[name] for name in fields.split() if name in record}
        for record in reversed(follow(service))
        if created.get("after", 0) <= record["createdAt"] <= created.get("before", float("inf"))
        and (not statuses or record["status"] in statuses)
    ]
    return json_response({"serviceDeployments": briefs})


def describe_deployments(data):
    wanted = data.get("serviceDeploymentArns") or []
    described = [
        described_record(service, record)
        for service, record in every_record()
        if record["serviceDeploymentArn"] in wanted
    ]
    missing = set(wanted) - {record["serviceDeploymentArn"] for record in described}
    failures = [{"arn": arn, "reason": "MISSING"} for arn in sorted(missing)]
    return json_response({"serviceDeployments": described, "failures": failures})


def described_record(service, record):
    hidden = ("id", "taskDefinition", "targetServiceRevisionArn", "counts", "failures", "triggered")
    enabled = (service["deploymentConfiguration"].get("deploymentCircuitBreaker") or {}).get("enable", False)
    under_way = record["status"] in UNDER_WAY
    breaker = "TRIGGERED" if record.get("triggered") else "MONITORING" if under_way else "MONITORING_COMPLETE"
    return {
        **{name: value for name, value in record.items() if name not in hidden},
        "targetServiceRevision": {"arn": record["targetServiceRevisionArn"], **record["counts"]},
        "deploymentConfiguration": service["deploymentConfiguration"],
        "deploymentCircuitBreaker": {
            "status": breaker if enabled else "DISABLED",
            "failureCount": record["failures"],
            "threshold": ecs._circuit_breaker_threshold(service),
        },
    }


def describe_revisions(data):
    names = ("serviceArn", "clusterArn", "taskDefinition", "createdAt")
    found = {
        record["targetServiceRevisionArn"]: {name: record[name] for name in names} for _, record in every_record()
    }
    wanted = data.get("serviceRevisionArns") or []
    return json_response(
        {
            "serviceRevisions": [{"serviceRevisionArn": arn, **found[arn]} for arn in wanted if arn in found],
            "failures": [{"arn": arn, "reason": "MISSING"} for arn in wanted if arn not in found],
        }
    )


def stop_deployment(data):
    """With ROLLBACK, the default: back to the deployment that completed last."""
    arn = data.get("serviceDeploymentArn")
    service, record = next(
        (pair for pair in every_record() if pair[1]["serviceDeploymentArn"] == arn), (None, None)
    )
    if not record:
        return error_response_json("ServiceDeploymentNotFoundException", "The service deployment was not found.", 400)
    cluster = service["clusterArn"].rsplit("/", 1)[-1]
    key = f"{cluster}/{service['serviceName']}"
    with ecs.resource_lock("ecs-service", key):
        own = next((entry for entry in service["deployments"] if entry["id"] == record["id"]), None)
        back = next((entry for entry in service["deployments"] if entry["rolloutState"] == "COMPLETED"), None)
        if record["status"] not in UNDER_WAY or not own or not back:
            return error_response_json("ConflictException", "The service deployment cannot be stopped.", 400)
        reason = "Service deployment rolled back because of a StopServiceDeployment request"
        own.update(status="ACTIVE", desiredCount=0, rolloutState="FAILED", rolloutStateReason=reason)
        back.update(
            status="PRIMARY",
            desiredCount=service["desiredCount"],
            rolloutState="IN_PROGRESS",
            rolloutStateReason=f"Rolling back to {back['id']}",
        )
        service["taskDefinition"] = back["taskDefinition"]
    follow(service)
    ecs._reconcile_service_tasks(cluster, key)
    ecs._schedule_service_deployment_completion(cluster, key, get_account_id(), get_region())
    return json_response({"serviceDeploymentArn": arn})
