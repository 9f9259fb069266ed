"""What a call is authorized on, and a record of every decision (with AUTH=true).

ministack evaluates policies, boundaries and conditions as AWS does, but names other resources than AWS for some calls: the
cluster for everything in ECS, `*` for a change set and for repositories, a log group for its streams. Policies that name what AWS names would
then allow nothing. Here these calls get the resources and condition keys of
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html

GET /_slipway/decisions?session=<name> tells what was asked in sessions of that name (all without it), oldest first, and
how it was decided; DELETE forgets them.
"""

import json
from urllib.parse import parse_qs

from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id, get_region

PATH = "/_slipway/decisions"

_decisions = []


def follow_aws():
    name_resources_as_aws_does()
    record_decisions()


def name_resources_as_aws_does():
    extract = iam_actions.extract_resource_arn

    def extract_as_aws(service, method, path, headers, body, query_params, region, account_id):
        named = extract(service, method, path, headers, body, query_params, region, account_id)
        if service == "ecs":
            return ecs_resource(iam_actions._action_from_target(headers), body, region, account_id)
        if service == "ecr" and named == "*":
            names = parsed(body).get("repositoryNames") or []
            return f"arn:aws:ecr:{region}:{account_id}:repository/{names[0]}" if names else named
        if service == "logs" and named.startswith("arn:"):
            stream = iam_actions._safe_json_field(body, "logStreamName")
            return f"{named}:log-stream:{stream}" if stream else f"{named}:log-stream:"
        if service == "cloudformation" and named == "*":
            return stack_of_change_set(iam_actions._query_param(query_params, "ChangeSetName")) or named
        return named

    iam_actions.extract_resource_arn = extract_as_aws
    tags = iam_actions.request_tag_context

    def context_as_aws(service, iam_action, body, params):
        return {**tags(service, iam_action, body, params), **(ecs_context(body) if service == "ecs" else {})}

    iam_actions.request_tag_context = context_as_aws


def ecs_context(body):
    cluster = str(parsed(body).get("cluster") or "default").rsplit("/", 1)[-1]
    return {"ecs:cluster": f"arn:aws:ecs:{get_region()}:{get_account_id()}:cluster/{cluster}"}


def ecs_resource(action, body, region, account):
    request = parsed(body)
    prefix = f"arn:aws:ecs:{region}:{account}:"
    cluster = str(request.get("cluster") or "default").rsplit("/", 1)[-1]

    def full(kind, name):
        return name if name.startswith("arn:") else f"{prefix}{kind}/{name}"

    if action in ("DescribeServiceDeployments", "DescribeServiceRevisions", "StopServiceDeployment", "ContinueServiceDeployment"):
        arns = request.get("serviceDeploymentArns") or request.get("serviceRevisionArns") or [request.get("serviceDeploymentArn")]
        return arns[0] or "*"
    if action in ("DescribeServices", "UpdateService", "DeleteService", "CreateService", "ListServiceDeployments"):
        names = request.get("services") or [request.get("service") or request.get("serviceName") or "*"]
        return full("service", names[0] if names[0].startswith("arn:") else f"{cluster}/{names[0]}")
    if action in ("DescribeTasks", "StopTask"):
        names = request.get("tasks") or [request.get("task") or "*"]
        return full("task", names[0] if names[0].startswith("arn:") else f"{cluster}/{names[0]}")
    if action == "RunTask":
        return full("task-definition", str(request.get("taskDefinition", "*")))
    if action in ("TagResource", "UntagResource", "ListTagsForResource"):
        return request.get("resourceArn") or "*"
    if action in ("DeleteCluster", "UpdateCluster", "DescribeClusters", "PutClusterCapacityProviders", "ExecuteCommand"):
        names = request.get("clusters") or [cluster]
        return full("cluster", names[0])
    # ListTasks, and what AWS knows no resources for: task definitions but for running them.
    return "*"


def stack_of_change_set(name):
    from ministack.services import cloudformation

    for identity, change_set in cloudformation._change_sets.items():
        if name and name in (identity, change_set.get("ChangeSetId")):
            return change_set.get("StackId") or "*"
    return None


def parsed(body):
    try:
        value = json.loads(body or b"{}")
    except (ValueError, UnicodeDecodeError):
        return {}
    return value if isinstance(value, dict) else {}


def record_decisions():
    enforce = iam_evaluator.enforce

    def enforce_and_record(access_key_id, iam_action, service, region, resource_arn="*", service_context=None):
        denied = enforce(access_key_id, iam_action, service, region, resource_arn, service_context)
        principal = iam_evaluator.resolve_caller_identity(access_key_id) or {}
        arn = principal.get("userArn", "")
        if ":assumed-role/" in arn:
            decision = "Allow" if denied is None else getattr(denied, "decision", getattr(denied, "code", "Deny"))
            _decisions.append({"principal": arn, "action": iam_action, "resource": resource_arn, "decision": decision})
        return denied

    iam_evaluator.enforce = enforce_and_record


def told(application):
    async def telling(scope, receive, send):
        if scope["type"] != "http" or scope["path"] != PATH:
            await application(scope, receive, send)
            return
        if scope["method"] == "DELETE":
            _decisions.clear()
        session = parse_qs(scope.get("query_string", b"").decode()).get("session", [""])[0]
        found = [one for one in _decisions if not session or one["principal"].endswith("/" + session)]
        body = json.dumps(found).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return telling
