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
    make, create, update = ecs._make_deployment, ecs._create_service, ecs._update_service
    complete = ecs._complete_service_deployment

    def make_numbered(*args, **kwargs):
        return {**make(*args, **kwargs), "id": f"ecs-svc/{random.randrange(10**18, 10**19)}"}

    def create_on_record(data):
        answer = create(data)
        follow(find(data.get("cluster"), data.get("serviceName")))
        return answer

    def update_on_record(data):
        # Before, too: what completed is not to be called replaced.
        follow(find(data.get("cluster"), data.get("service")))
        answer = update(data)
        follow(find(data.get("cluster"), data.get("service")))
        return answer

    def complete_on_record(cluster, key, *args, **kwargs):
        complete(cluster, key, *args, **kwargs)
        follow(ecs._services.get(key))
        forget_failed(key)

    ecs._make_deployment, ecs._create_service, ecs._update_service = make_numbered, create_on_record, update_on_record
    ecs._complete_service_deployment = complete_on_record
    ecs._ACTION_MAP.update(
        CreateService=create_on_record,
        UpdateService=update_on_record,
        ListServiceDeployments=list_deployments,
        DescribeServiceDeployments=describe_deployments,
        DescribeServiceRevisions=describe_revisions,
        StopServiceDeployment=stop_deployment,
    )


def find(cluster, service):
    name, named_cluster = ecs._resolve_service_ref(service or "") or (None, None)
    return ecs._services.get(f"{named_cluster or ecs._resolve_cluster_name(cluster or 'default')}/{name}")


def follow(service):
    """Brings the records of a service up to what its list of deployments shows, and returns them."""
    if not service:
        return []
    with LOCK:
        records = RECORDS.setdefault(service["serviceArn"], [])
        known = {record["id"] for record in records}
        records += [new_record(service, one) for one in reversed(service["deployments"]) if one["id"] not in known]
        for record in records:
            if record["status"] in UNDER_WAY or record["status"] == "ROLLBACK_IN_PROGRESS":
                advance(record, service)
        return records


def arn_of(kind, service, suffix):
    return service["serviceArn"].replace(":service/", f":{kind}/") + f"/{suffix}"


def revision_of(service, deployment):
    return arn_of("service-revision", service, deployment["id"].rsplit("/", 1)[-1])


def new_record(service, deployment):
    started = datetime.fromisoformat(deployment["createdAt"].replace("Z", "+00:00")).timestamp()
    return {
        "id": deployment["id"],
        "taskDefinition": deployment["taskDefinition"],
        "serviceDeploymentArn": arn_of("service-deployment", service, new_uuid().replace("-", "")[:21]),
        "serviceArn": service["serviceArn"],
        "clusterArn": service["clusterArn"],
        "targetServiceRevisionArn": revision_of(service, deployment),
        "targetServiceRevision": {"arn": revision_of(service, deployment)},
        "createdAt": started,
        "startedAt": started,
        "status": "IN_PROGRESS",
        "deploymentConfiguration": service["deploymentConfiguration"],
    }


def advance(record, service):
    own = next((one for one in service["deployments"] if one["id"] == record["id"]), None)
    primary = ecs._primary_deployment(service)
    if own:
        record["targetServiceRevision"].update(
            requestedTaskCount=own["desiredCount"],
            runningTaskCount=own["runningCount"],
            pendingTaskCount=own["pendingCount"],
        )
        triggered = "circuit breaker" in own["rolloutStateReason"]
        enabled = (service["deploymentConfiguration"].get("deploymentCircuitBreaker") or {}).get("enable")
        record["deploymentCircuitBreaker"] = {
            "status": "TRIGGERED" if triggered else "MONITORING" if enabled else "DISABLED",
            "failureCount": own["failedTasks"],
            "threshold": ecs._circuit_breaker_threshold(service),
        }
    if record["status"] == "ROLLBACK_IN_PROGRESS":
        if record["rollback"]["serviceRevisionArn"] != revision_of(service, primary):
            end(record, "STOPPED", REPLACED)
        elif primary["rolloutState"] == "COMPLETED":
            end(record, "ROLLBACK_SUCCESSFUL", record["rollback"]["reason"])
    elif own is primary and own["rolloutState"] == "COMPLETED":
        end(record, "SUCCESSFUL", "")
    elif own is primary and own["rolloutState"] == "FAILED":
        end(record, "STOPPED", own["rolloutStateReason"])
    elif own and own["rolloutState"] == "FAILED":
        back = {"reason": own["rolloutStateReason"], "serviceRevisionArn": revision_of(service, primary)}
        record.update(status="ROLLBACK_IN_PROGRESS", rollback={**back, "startedAt": time.time()})
    elif own is not primary:
        end(record, "STOPPED", REPLACED)


def end(record, status, reason):
    record.update(status=status, statusReason=reason, finishedAt=time.time())


def forget_failed(key):
    """AWS: a failed deployment leaves the service's list with its last task; ministack keeps it for good."""
    alive = {
        task.get("_deployment_id") for task in ecs._tasks.values() if task.get("lastStatus") in ecs._PRE_STOP_STATUSES
    }
    with ecs.resource_lock("ecs-service", key):
        service = ecs._services.get(key) or {}
        primary = ecs._primary_deployment(service)
        if primary and primary["rolloutState"] == "COMPLETED":
            service["deployments"] = [one for one in service["deployments"] if one is primary or one["id"] in alive]


# --- The calls --------------------------------------------------------------------------------------------------


def every_record():
    return [(service, record) for service in list(ecs._services.values()) for record in follow(service)]


def list_deployments(data):
    service = find(data.get("cluster"), data.get("service"))
    if not service:
        return error_response_json("ServiceNotFoundException", "Service not found.", 400)
    created, statuses = data.get("createdAt") or {}, data.get("status") or []
    found = [
        record
        for record in reversed(follow(service))
        if created.get("after", 0) <= record["createdAt"] <= created.get("before", float("inf"))
        and (not statuses or record["status"] in statuses)
    ]
    return json_response({"serviceDeployments": found})


def describe_deployments(data):
    found = {record["serviceDeploymentArn"]: record for _, record in every_record()}
    return described("serviceDeployments", data.get("serviceDeploymentArns") or [], found)


def describe_revisions(data):
    found = {
        record["targetServiceRevisionArn"]: {
            "serviceRevisionArn": record["targetServiceRevisionArn"],
            **{name: record[name] for name in ("serviceArn", "clusterArn", "taskDefinition", "createdAt")},
        }
        for _, record in every_record()
    }
    return described("serviceRevisions", data.get("serviceRevisionArns") or [], found)


def described(name, wanted, found):
    failures = [{"arn": arn, "reason": "MISSING"} for arn in wanted if arn not in found]
    return json_response({name: [found[arn] for arn in wanted if arn in found], "failures": failures})


def stop_deployment(data):
    """With ROLLBACK, the default: back to the deployment that completed last."""
    arn = data.get("serviceDeploymentArn")
    service, record = next((pair for pair in every_record() if pair[1]["serviceDeploymentArn"] == arn), (None, None))
    if not record:
        return error_response_json("ServiceDeploymentNotFoundException", "The service deployment was not found.", 400)
    cluster = service["clusterArn"].rsplit("/", 1)[-1]
    key = f"{cluster}/{service['serviceName']}"
    with ecs.resource_lock("ecs-service", key):
        own = next((one for one in service["deployments"] if one["id"] == record["id"]), None)
        back = next((one for one in service["deployments"] if one["rolloutState"] == "COMPLETED"), None)
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
