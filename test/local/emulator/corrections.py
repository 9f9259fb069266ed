"""Where the emulator differs from AWS in a way that the suite would notice. Each says what AWS does."""

import json
import re
import threading
import time
from datetime import datetime

from ministack.core import iam_evaluator
from ministack.services import alb, cloudfront, ec2, ecs, rds, s3, secretsmanager
from ministack.services.cloudformation import changesets, drift, engine, handlers, provisioners, stacks


def apply():
    databases_of_stacks_are_real()
    task_definitions_keep_every_property()
    secrets_of_stacks_are_referred_to_by_arn()
    secrets_of_stacks_have_the_value_asked_for()
    change_sets_heed_conditions()
    conditions_know_lists()
    rules_attach_target_groups()
    load_balancers_have_the_zones_of_their_subnets()
    requests_count_as_tls()
    missing_files_are_told_from_forbidden_ones()
    stopping_tasks_do_not_count()
    tasks_carry_their_deployment()
    every_failed_task_counts()
    memory_is_limited()
    times_are_to_the_millisecond()
    deleted_services_stay_deleted()
    events_name_what_is_there()
    invalidations_begin()


def databases_of_stacks_are_real():
    """AWS: a stack's database is one like any other, and the stack goes on when it can be connected to.

    ministack's provisioner writes a record without a container behind it. Here the emulated CreateDBInstance makes the
    instance; the provisioner's own record then adds the properties that only templates have.
    """
    handlers = provisioners._RESOURCE_HANDLERS["AWS::RDS::DBInstance"]
    record_only_create = handlers["create"]
    record_only_delete = handlers["delete"]

    def create(logical_id, props, stack_name):
        if rds._get_docker() is None or props.get("DBClusterIdentifier"):
            return record_only_create(logical_id, props, stack_name)
        identity = props.get("DBInstanceIdentifier") or provisioners._physical_name(
            stack_name, logical_id, lowercase=True, max_len=63
        )
        names = (
            "DBInstanceClass",
            "Engine",
            "EngineVersion",
            "MasterUsername",
            "MasterUserPassword",
            "DBName",
            "AllocatedStorage",
            "DBSubnetGroupName",
        )
        asked = {name: str(props[name]) for name in names if props.get(name) is not None}
        status, _headers, body = rds._create_db_instance({"DBInstanceIdentifier": identity, **asked})
        if status >= 400:
            raise ValueError(body.decode() if isinstance(body, bytes) else body)
        instance = rds._instances[identity]
        if not instance.get("_docker_container_id"):
            raise ValueError(f"no container could be started for the database {identity}")

        _identity, _attributes = record_only_create(logical_id, {**props, "DBInstanceIdentifier": identity}, stack_name)
        declared = rds._instances[identity]
        rds._instances[identity] = instance
        instance.update(
            {
                name: value
                for name, value in declared.items()
                if name not in ("Endpoint", "DBInstanceStatus", "DbiResourceId", "DBInstanceArn")
            }
        )
        deadline = time.monotonic() + 120
        while instance["DBInstanceStatus"] == "creating" and time.monotonic() < deadline:
            time.sleep(0.1)
        if instance["DBInstanceStatus"] != "available":
            raise ValueError(f"the database {identity} is {instance['DBInstanceStatus']}")
        return identity, provisioners._rds_db_instance_attrs(instance)

    def delete(physical_id, props):
        instance = rds._instances.get(physical_id)
        if instance and instance.get("_docker_container_id"):
            rds._delete_db_instance({"DBInstanceIdentifier": physical_id, "SkipFinalSnapshot": "true"})
        record_only_delete(physical_id, props)

    handlers["create"] = create
    handlers["delete"] = delete

    # It waits, so it must not do so on the thread that answers every request.
    runs_on_worker_thread = stacks._runs_on_worker_thread
    stacks._runs_on_worker_thread = lambda kind: kind == "AWS::RDS::DBInstance" or runs_on_worker_thread(kind)


def task_definitions_keep_every_property():
    """AWS: CloudFormation registers a task definition with all its properties.

    ministack's provisioner translates only some nested names (so `Secrets` and `HealthCheck` never took effect) and
    leaves others out (`RuntimePlatform`). Here the whole definition goes through the emulated RegisterTaskDefinition.
    """
    handlers = provisioners._RESOURCE_HANDLERS["AWS::ECS::TaskDefinition"]

    def create(logical_id, props, stack_name):
        request = task_definition_request({"Family": f"{stack_name}-{logical_id}", **props})
        status, _headers, body = ecs._register_task_definition(request)
        if status >= 400:
            raise ValueError(body.decode() if isinstance(body, bytes) else body)
        arn = json.loads(body)["taskDefinition"]["taskDefinitionArn"]
        return arn, {"TaskDefinitionArn": arn}

    def update(physical_id, old_props, new_props, stack_name, logical_id=None):
        return create(logical_id or physical_id, new_props, stack_name)

    handlers["create"] = create
    handlers["update"] = update
    handlers["update_with_logical_id"] = True


# Maps whose keys are the user's own words.
FREE_MAPS = ("options", "dockerLabels", "driverOpts", "labels")
NUMBERS = (
    "containerPort hostPort interval timeout retries startPeriod startTimeout stopTimeout softLimit hardLimit "
    "memoryReservation sizeInGiB sharedMemorySize maxSwap swappiness"
).split()


def task_definition_request(props):
    request = camel(props)
    for container in request.get("containerDefinitions") or []:
        # Numbers on a container, strings on the task: as in the API.
        for name in ("cpu", "memory"):
            if isinstance(container.get(name), str) and container[name].isdigit():
                container[name] = int(container[name])
    for name in ("cpu", "memory"):
        if name in request:
            request[name] = str(request[name])
    return request


def camel(value, key=""):
    """CloudFormation's names to the API's, and its strings (parameters are always strings) to the API's types."""
    if isinstance(value, dict):
        if key in FREE_MAPS:
            return value
        return {name[:1].lower() + name[1:]: camel(inner, name[:1].lower() + name[1:]) for name, inner in value.items()}
    if isinstance(value, list):
        return [camel(inner) for inner in value]
    if key in NUMBERS and isinstance(value, str) and value.isdigit():
        return int(value)
    if key in ("essential", "readonlyRootFilesystem", "privileged", "initProcessEnabled") and isinstance(value, str):
        return value.lower() == "true"
    return value


def secrets_of_stacks_are_referred_to_by_arn():
    """AWS: `Ref` of a secret is its ARN; ministack's is its name, which ECS would take for a parameter's name."""
    handlers = provisioners._RESOURCE_HANDLERS["AWS::SecretsManager::Secret"]
    create_by_name, update_by_name, delete_by_name = (handlers[verb] for verb in ("create", "update", "delete"))
    read_by_name = drift._DRIFT_READERS["AWS::SecretsManager::Secret"][0]

    def name_of(physical_id):
        return secretsmanager._resolve(physical_id)[0] or physical_id

    def by_arn(made):
        _name, attributes = made
        return attributes["Arn"], attributes

    def create(logical_id, props, stack_name):
        return by_arn(create_by_name(logical_id, props, stack_name))

    def update(physical_id, old_props, new_props, stack_name, logical_id=None):
        return by_arn(update_by_name(name_of(physical_id), old_props, new_props, stack_name, logical_id))

    def delete(physical_id, props):
        delete_by_name(name_of(physical_id), props)

    handlers.update({"create": create, "update": update, "delete": delete})
    drift._DRIFT_READERS["AWS::SecretsManager::Secret"] = (
        lambda physical_id, props: read_by_name(name_of(physical_id), props),
        *drift._DRIFT_READERS["AWS::SecretsManager::Secret"][1:],
    )


def secrets_of_stacks_have_the_value_asked_for():
    """AWS: a generated value follows every option (ministack ignores ExcludePunctuation, which matters inside a URL),
    and a secret declared without a value has no version: GetSecretValue does not find one."""

    def value(props):
        generate = props.get("GenerateSecretString")
        if not generate or props.get("SecretString"):
            return props.get("SecretString", "")
        options = {name: option for name, option in generate.items() if name not in ("SecretStringTemplate", "GenerateStringKey")}
        for name, option in options.items():
            if isinstance(option, str) and option.lower() in ("true", "false"):
                options[name] = option.lower() == "true"
            elif name == "PasswordLength":
                options[name] = int(option)
        status, _headers, body = secretsmanager._get_random_password(options)
        if status >= 400:
            raise ValueError(body.decode() if isinstance(body, bytes) else body)
        generated = json.loads(body)["RandomPassword"]
        if not generate.get("SecretStringTemplate"):
            return generated
        return json.dumps({**json.loads(generate["SecretStringTemplate"]), generate["GenerateStringKey"]: generated})

    provisioners._sm_secret_string = value
    handlers = provisioners._RESOURCE_HANDLERS["AWS::SecretsManager::Secret"]
    create_with_value = handlers["create"]

    def create(logical_id, props, stack_name):
        arn, attributes = create_with_value(logical_id, props, stack_name)
        if not props.get("SecretString") and not props.get("GenerateSecretString"):
            secretsmanager._resolve(arn)[1]["Versions"].clear()
        return arn, attributes

    handlers["create"] = create


def change_sets_heed_conditions():
    """AWS: a resource whose condition is false is no part of a change set; ministack lists it as one to add."""
    resolve = changesets._resolve_props_for_diff

    def without_absent(template, params, stack_name, stack_id):
        resolved = resolve(template, params, stack_name, stack_id)
        conditions = changesets._evaluate_conditions(template, params) if template else {}
        resources = {
            logical_id: resource
            for logical_id, resource in resolved.get("Resources", {}).items()
            if conditions.get(resource.get("Condition"), True)
        }
        return {**resolved, "Resources": resources}

    changesets._resolve_props_for_diff = without_absent


def conditions_know_lists():
    """AWS: a condition may join a list's members, which is how a template asks whether a list is empty.

    ministack leaves Fn::Join in conditions as it stands, so that no list is ever empty.
    """
    evaluate = engine._evaluate_conditions

    def joined(value, params):
        if isinstance(value, list):
            return [joined(item, params) for item in value]
        if not isinstance(value, dict):
            return value
        if "Fn::Join" in value:
            delimiter, items = value["Fn::Join"]
            if isinstance(items, dict) and items.get("Ref") in params:
                return delimiter.join(item.strip() for item in params[items["Ref"]]["Value"].split(","))
        return {key: joined(item, params) for key, item in value.items()}

    def with_lists(template, params):
        return evaluate({**template, "Conditions": joined(template.get("Conditions", {}), params)}, params)

    for module in (engine, changesets, handlers):
        module._evaluate_conditions = with_lists


def rules_attach_target_groups():
    """AWS: a target group names the load balancer that routes to it, by a listener or a rule. ministack forgets a stack's rules."""
    handlers = provisioners._RESOURCE_HANDLERS["AWS::ElasticLoadBalancingV2::ListenerRule"]
    create_only = handlers["create"]

    def create(logical_id, props, stack_name):
        made = create_only(logical_id, props, stack_name)
        balancer = alb._listeners[props["ListenerArn"]]["LoadBalancerArn"]
        for action in props.get("Actions") or []:
            group = alb._tgs.get(action.get("TargetGroupArn") or "")
            if group is not None and balancer not in group.setdefault("LoadBalancerArns", []):
                group["LoadBalancerArns"].append(balancer)
        return made

    handlers["create"] = create


def load_balancers_have_the_zones_of_their_subnets():
    """AWS: a load balancer is enabled in the zones of its subnets; ministack says the first zone for each."""
    describe = alb._lb_xml

    def with_zones(*args, **kwargs):
        return re.sub(
            r"<ZoneName>[^<]*</ZoneName><SubnetId>([^<]*)</SubnetId>",
            lambda found: f"<ZoneName>{zone_of(found[1])}</ZoneName><SubnetId>{found[1]}</SubnetId>",
            describe(*args, **kwargs),
        )

    def zone_of(subnet):
        return (ec2._subnets.get(subnet) or {}).get("AvailabilityZone", "")

    alb._lb_xml = with_zones


def requests_count_as_tls():
    """AWS: requests come over TLS, and policies that deny plain HTTP let them pass. The emulator's port speaks HTTP only."""
    resolve = iam_evaluator._resolve_condition_key
    iam_evaluator._resolve_condition_key = lambda key, context: (
        "true" if key.lower() == "aws:securetransport" else resolve(key, context)
    )


def missing_files_are_told_from_forbidden_ones():
    """AWS: to a CloudFront that may list the bucket, a file that is not there is 404; ministack says 403."""
    serve = s3.serve_cloudfront_origin_fetch

    def fetch(bucket_name, key, method, headers, source_arn="", oai_id=""):
        answer = serve(bucket_name, key, method, headers, source_arn, oai_id)
        bucket = s3._ensure_bucket(bucket_name)
        if answer[0] != 403 or bucket is None or key in bucket["objects"] or not source_arn:
            return answer
        policy = s3._bucket_policies.get_scoped(s3._bucket_owner_account(bucket_name), None, bucket_name)
        context = iam_evaluator.EvalContext(
            principal_arn="*",
            principal_type="Service",
            principal_account="",
            action="s3:ListBucket",
            resource_arn=f"arn:aws:s3:::{bucket_name}",
            region=s3.get_region(),
            service_context={"aws:sourcearn": source_arn},
        )
        decision = iam_evaluator.evaluate_resource_policy(policy, context, service="cloudfront.amazonaws.com").decision
        if decision != "Allow":
            return answer
        return s3._error("NoSuchKey", "The specified key does not exist.", 404, f"/{bucket_name}/{key}")

    s3.serve_cloudfront_origin_fetch = fetch


def stopping_tasks_do_not_count():
    """AWS: tasks are stopped side by side, and one that is being stopped no longer counts as running. ministack stops
    them one after the other and waits for each container, while the others still count."""
    remove = ecs._remove_docker_container

    def remove_aside(docker_client, container):
        threading.Thread(target=remove, args=(docker_client, container), daemon=True).start()

    ecs._remove_docker_container = remove_aside


def tasks_carry_their_deployment():
    """AWS: a service's task is started by its deployment, `ecs-svc/<n>`; ministack names the service."""
    run = ecs._run_task

    def run_for_deployment(data):
        deployment = data.get("_deploymentId")
        return run({**data, "startedBy": deployment} if deployment else data)

    ecs._run_task = run_for_deployment


def every_failed_task_counts():
    """AWS: a deployment counts its failed tasks whether or not the circuit breaker is on; ministack only if it is."""
    record = ecs._record_service_task_failure

    def record_and_count(task, **kwargs):
        cluster, (_, _, name) = ecs._cluster_name_from_arn(task["clusterArn"]), task.get("group", "").partition(":")
        service = ecs._services.get(f"{cluster}/{name}")
        if service:
            breaker = (service.get("deploymentConfiguration") or {}).get("deploymentCircuitBreaker") or {}
            deployment = ecs._deployment_for_task(service, task)
            if deployment and deployment["rolloutState"] == "IN_PROGRESS" and not breaker.get("enable"):
                deployment["failedTasks"] += 1
        return record(task, **kwargs)

    ecs._record_service_task_failure = record_and_count


def memory_is_limited():
    """AWS: a container that takes more than its memory, or its task's, is killed, and its reason says so."""
    run_arguments, mark_stopped = ecs._build_run_kwargs, ecs._mark_task_stopped

    def limited(container, definition, *args, **kwargs):
        arguments = run_arguments(container, definition, *args, **kwargs)
        memory = container.get("memory") or definition.get("memory")
        return {**arguments, "mem_limit": f"{memory}m", "memswap_limit": f"{memory}m"} if memory else arguments

    def with_reasons(arn, task, *args, **kwargs):
        for index, identity in enumerate(list(task.get("_docker_ids") or [])):
            try:
                killed = ecs._get_docker().containers.get(identity).attrs["State"]["OOMKilled"]
            except Exception:
                continue
            if killed:
                task["containers"][index]["reason"] = "OutOfMemoryError: Container killed due to memory usage"
        return mark_stopped(arn, task, *args, **kwargs)

    ecs._build_run_kwargs = limited
    ecs._mark_task_stopped = with_reasons


def times_are_to_the_millisecond():
    """AWS: `1763947980.123`; ministack cuts ECS's times to whole seconds, so two deployments may look equally old."""
    ecs._ts_to_epoch = lambda value: (
        datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp() if isinstance(value, str) and value else value
    )


def deleted_services_stay_deleted():
    """AWS: an update of a service that was deleted is refused; ministack takes it, and the service is INACTIVE all the same."""
    update = ecs._update_service

    def refuse(data):
        name = str(data.get("service", "")).rsplit("/", 1)[-1]
        cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
        if (ecs._services.get(f"{cluster}/{name}") or {}).get("status") == "INACTIVE":
            body = {"__type": "ServiceNotActiveException", "message": "Service was not ACTIVE."}
            return 400, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(body).encode()
        return update(data)

    ecs._update_service = refuse


def events_name_what_is_there():
    """AWS: an event of a resource that exists has its physical id, also when an update of it fails; ministack leaves it out then."""
    add = stacks._add_event

    def add_with_identity(stack_id, stack_name, logical_id, resource_type, status, reason="", physical_id="", **more):
        from ministack.services.cloudformation import _stacks

        known = ((_stacks.get(stack_name) or {}).get("_resources") or {}).get(logical_id) or {}
        identity = physical_id or known.get("PhysicalResourceId") or ""
        return add(stack_id, stack_name, logical_id, resource_type, status, reason, identity, **more)

    stacks._add_event = add_with_identity


def invalidations_begin():
    """AWS: a new invalidation is InProgress, and whoever asks later is told that it is Completed; ministack's is at once."""
    create = cloudfront._create_invalidation

    def begin(dist_id, body):
        status, headers, answer = create(dist_id, body)
        text = answer.decode() if isinstance(answer, bytes) else answer
        return status, headers, text.replace("<Status>Completed</Status>", "<Status>InProgress</Status>").encode()

    cloudfront._create_invalidation = begin
