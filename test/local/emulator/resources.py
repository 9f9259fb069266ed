"""CloudFormation types that the guide's infrastructure needs and ministack does not have.

Where the emulator has the service behind a type, the handler calls that service, so that the resource really
exists: `DescribeNatGateways` lists it, deleting the stack deletes it. Where it has none, the type is kept on paper
(paper.py), and `ON_PAPER` lists it.
"""

import json
import re

from ministack.core.responses import get_account_id, get_region, new_uuid
from ministack.services import budgets, cloudtrail, ec2, ecs, iam, secretsmanager, waf
from ministack.services.cloudformation import provisioners

import paper

ON_PAPER = set()


def register():
    handlers = provisioners._RESOURCE_HANDLERS
    for name, handler in {**REAL, **paper_types()}.items():
        if name not in handlers:
            handlers[name] = handler
            if handler.get("paper"):
                ON_PAPER.add(name)


# --- Calling the emulated services ------------------------------------------------------------------------------


def answer(response):
    """A service's (status, headers, body), as text; an error there fails the stack, as on AWS."""
    status, _headers, body = response
    text = body.decode() if isinstance(body, bytes) else body
    if status >= 400:
        raise ValueError(text)
    return text


def query(function, **parameters):
    """A call of the query protocol (EC2, IAM): flat parameters, XML back."""
    return answer(function({name: [str(value)] for name, value in parameters.items() if value is not None}))


def json_call(function, body):
    text = answer(function({name: value for name, value in body.items() if value is not None}))
    return json.loads(text) if text else {}


def element(xml, name):
    return re.search(rf"<{name}>([^<]*)</{name}>", xml).group(1)


def numbered(prefix, values):
    return {f"{prefix}.{index}": value for index, value in enumerate(values or [], 1)}


def physical(stack_name, logical_id, size=12):
    return f"{stack_name}-{logical_id}-{new_uuid().replace('-', '').upper()[:size]}"


def remade(create, delete):
    """An update that makes the resource anew and then removes the old one, as CloudFormation's replacement does."""

    def update(physical_id, old, new, stack_name, logical_id=None):
        made = create(logical_id or physical_id, new, stack_name)
        if made[0] != physical_id:
            delete(physical_id, old)
        return made

    return update


def reset(create, delete):
    """An update in place for what has no identity of its own: taken away, put back."""

    def update(physical_id, old, new, stack_name, logical_id=None):
        delete(physical_id, old)
        return create(logical_id or physical_id, new, stack_name)

    return update


def handler(create, delete, update):
    return {"create": create, "delete": delete, "update": update, "update_with_logical_id": True}


# --- EC2 --------------------------------------------------------------------------------------------------------


def eip_create(logical_id, props, stack_name):
    xml = query(ec2._allocate_address, Domain=props.get("Domain", "vpc"))
    allocation = element(xml, "allocationId")
    address = element(xml, "publicIp")
    provisioners._ec2_apply_tags(allocation, props)
    return address, {"AllocationId": allocation, "PublicIp": address}


def eip_delete(physical_id, props):
    for allocation, record in list(ec2._addresses.items()):
        if record["PublicIp"] == physical_id:
            query(ec2._release_address, AllocationId=allocation)


def nat_create(logical_id, props, stack_name):
    xml = query(
        ec2._create_nat_gateway,
        SubnetId=props.get("SubnetId"),
        AllocationId=props.get("AllocationId"),
        ConnectivityType=props.get("ConnectivityType", "public"),
    )
    gateway = element(xml, "natGatewayId")
    provisioners._ec2_apply_tags(gateway, props)
    return gateway, {"NatGatewayId": gateway}


def nat_delete(physical_id, props):
    if physical_id in ec2._nat_gateways:
        query(ec2._delete_nat_gateway, NatGatewayId=physical_id)


def flow_log_create(logical_id, props, stack_name):
    xml = query(
        ec2._create_flow_logs,
        **numbered("ResourceId", [props.get("ResourceId")]),
        ResourceType=props.get("ResourceType"),
        TrafficType=props.get("TrafficType"),
        LogDestinationType=props.get("LogDestinationType"),
        LogDestination=props.get("LogDestination"),
        LogGroupName=props.get("LogGroupName"),
    )
    flow_log = re.search(r"<item>(fl-[^<]+)</item>", xml).group(1)
    provisioners._ec2_apply_tags(flow_log, props)
    return flow_log, {"Id": flow_log}


def flow_log_delete(physical_id, props):
    query(ec2._delete_flow_logs, **numbered("FlowLogId", [physical_id]))


def rule_handlers(list_name):
    """A rule as a resource of its own goes into its group's list, like a rule written in the group."""

    def rules(props):
        group = ec2._security_groups.get(props.get("GroupId"))
        if group is None:
            raise ValueError(f"The security group '{props.get('GroupId')}' does not exist")
        return group.setdefault(list_name, [])

    def create(logical_id, props, stack_name):
        rules(props).extend(provisioners._ec2_sg_permissions([props]))
        rule = f"sgr-{new_uuid().replace('-', '')[:17]}"
        return rule, {"Id": rule}

    def delete(physical_id, props):
        try:
            provisioners._ec2_sg_reconcile(rules(props), provisioners._ec2_sg_permissions([props]), [])
        except ValueError:
            pass  # the group went first, and its rules with it

    return handler(create, delete, reset(create, delete))


# --- WAF --------------------------------------------------------------------------------------------------------


def association_create(logical_id, props, stack_name):
    json_call(waf._associate_web_acl, {key: props.get(key) for key in ("WebACLArn", "ResourceArn")})
    return f"{props.get('WebACLArn')}|{props.get('ResourceArn')}", {}


def association_delete(physical_id, props):
    json_call(waf._disassociate_web_acl, {"ResourceArn": props.get("ResourceArn")})


def ip_set_create(logical_id, props, stack_name):
    name = props.get("Name") or physical(stack_name, logical_id)
    summary = json_call(waf._create_ip_set, {**props, "Name": name})["Summary"]
    return f"{name}|{summary['Id']}|{props.get('Scope', 'REGIONAL')}", {"Arn": summary["ARN"], "Id": summary["Id"]}


def ip_set_delete(physical_id, props):
    _name, identity, scope = physical_id.split("|")
    json_call(waf._delete_ip_set, {"Id": identity, "Scope": scope})


def ip_set_update(physical_id, old, new, stack_name, logical_id=None):
    name, identity, scope = physical_id.split("|")
    json_call(waf._update_ip_set, {"Id": identity, "Scope": scope, "Addresses": new.get("Addresses", [])})
    record = json_call(waf._get_ip_set, {"Id": identity, "Scope": scope})["IPSet"]
    return physical_id, {"Arn": record["ARN"], "Id": identity}


# --- IAM, Secrets Manager, CloudTrail ---------------------------------------------------------------------------


def oidc_create(logical_id, props, stack_name):
    xml = query(
        iam._create_oidc_provider,
        Url=props.get("Url"),
        **numbered("ClientIDList.member", props.get("ClientIdList")),
        **numbered("ThumbprintList.member", props.get("ThumbprintList")),
    )
    arn = element(xml, "OpenIDConnectProviderArn")
    return arn, {"Arn": arn}


def oidc_delete(physical_id, props):
    query(iam._delete_oidc_provider, OpenIDConnectProviderArn=physical_id)


def secret_policy_create(logical_id, props, stack_name):
    policy = props.get("ResourcePolicy")
    document = policy if isinstance(policy, str) else json.dumps(policy)
    json_call(secretsmanager._put_resource_policy, {"SecretId": props.get("SecretId"), "ResourcePolicy": document})
    return props.get("SecretId"), {}


def secret_policy_delete(physical_id, props):
    try:
        json_call(secretsmanager._delete_resource_policy, {"SecretId": physical_id})
    except ValueError:
        pass  # the secret went first


def trail_create(logical_id, props, stack_name):
    name = props.get("TrailName") or physical(stack_name, logical_id)
    made = json_call(
        cloudtrail._create_trail,
        {
            "Name": name,
            "S3BucketName": props.get("S3BucketName"),
            "S3KeyPrefix": props.get("S3KeyPrefix"),
            "IncludeGlobalServiceEvents": props.get("IncludeGlobalServiceEvents"),
            "IsMultiRegionTrail": props.get("IsMultiRegionTrail"),
            "EnableLogFileValidation": props.get("EnableLogFileValidation"),
            "KmsKeyId": props.get("KMSKeyId"),
        },
    )
    if props.get("IsLogging"):
        json_call(cloudtrail._DISPATCH["StartLogging"], {"Name": name})
    return name, {"Arn": made["TrailARN"]}


def trail_delete(physical_id, props):
    json_call(cloudtrail._delete_trail, {"Name": physical_id})


# --- Route 53 ---------------------------------------------------------------------------------------------------


def records_of(props):
    """A group's records, each with the zone that stands on the group."""
    zone = {key: props[key] for key in ("HostedZoneId", "HostedZoneName") if props.get(key)}
    return [{**record, **zone} for record in props.get("RecordSets") or []]


def records_create(logical_id, props, stack_name):
    for record in records_of(props):
        provisioners._r53_record_set_create(logical_id, record, stack_name)
    return physical(stack_name, logical_id), {}


def records_delete(physical_id, props):
    for record in records_of(props):
        provisioners._r53_record_set_delete(physical_id, record)


def records_update(physical_id, old, new, stack_name, logical_id=None):
    records_delete(physical_id, old)
    records_create(logical_id or physical_id, new, stack_name)
    return physical_id, {}


# --- ECS capacity -----------------------------------------------------------------------------------------------


def lowered(value):
    return provisioners._pascal_to_camel(value)


def capacity_provider_request(props, name):
    group = lowered(props.get("AutoScalingGroupProvider") or {})
    scaling = group.get("managedScaling", {})
    for key in ("targetCapacity", "minimumScalingStepSize", "maximumScalingStepSize", "instanceWarmupPeriod"):
        if key in scaling:
            scaling[key] = int(scaling[key])
    return {"name": name, "autoScalingGroupProvider": group, "tags": lowered(props.get("Tags") or [])}


def capacity_provider_create(logical_id, props, stack_name):
    name = props.get("Name") or physical(stack_name, logical_id)
    json_call(ecs._create_capacity_provider, capacity_provider_request(props, name))
    return name, {}


def capacity_provider_update(physical_id, old, new, stack_name, logical_id=None):
    json_call(ecs._update_capacity_provider, capacity_provider_request(new, physical_id))
    return physical_id, {}


def capacity_provider_delete(physical_id, props):
    json_call(ecs._delete_capacity_provider, {"capacityProvider": physical_id})


def associations_put(props, providers, strategy):
    body = {
        "cluster": props.get("Cluster"),
        "capacityProviders": providers,
        "defaultCapacityProviderStrategy": lowered(strategy),
    }
    json_call(ecs._put_cluster_capacity_providers, body)


def associations_create(logical_id, props, stack_name):
    associations_put(props, props.get("CapacityProviders") or [], props.get("DefaultCapacityProviderStrategy") or [])
    return props.get("Cluster"), {}


def associations_delete(physical_id, props):
    try:
        associations_put(props, [], [])
    except ValueError:
        pass  # the cluster went first


# --- Budgets ----------------------------------------------------------------------------------------------------


def budget_request(props, name):
    budget = json.loads(json.dumps(props.get("Budget") or {}))
    budget["BudgetName"] = name
    notifications = props.get("NotificationsWithSubscribers") or []
    for notification in (entry.get("Notification", {}) for entry in notifications):
        if "Threshold" in notification:
            notification["Threshold"] = float(notification["Threshold"])
    return {"AccountId": get_account_id(), "Budget": budget, "NotificationsWithSubscribers": notifications}


def budget_create(logical_id, props, stack_name):
    name = (props.get("Budget") or {}).get("BudgetName") or physical(stack_name, logical_id)
    json_call(budgets._create_budget, budget_request(props, name))
    return name, {}


def budget_delete(physical_id, props):
    json_call(budgets._delete_budget, {"AccountId": get_account_id(), "BudgetName": physical_id})


def budget_update(physical_id, old, new, stack_name, logical_id=None):
    budget_delete(physical_id, old)
    json_call(budgets._create_budget, budget_request(new, physical_id))
    return physical_id, {}


REAL = {
    "AWS::EC2::EIP": handler(eip_create, eip_delete, remade(eip_create, eip_delete)),
    "AWS::EC2::NatGateway": handler(nat_create, nat_delete, remade(nat_create, nat_delete)),
    "AWS::EC2::FlowLog": handler(flow_log_create, flow_log_delete, remade(flow_log_create, flow_log_delete)),
    "AWS::EC2::SecurityGroupIngress": rule_handlers("IpPermissions"),
    "AWS::EC2::SecurityGroupEgress": rule_handlers("IpPermissionsEgress"),
    "AWS::WAFv2::WebACLAssociation": handler(
        association_create, association_delete, reset(association_create, association_delete)
    ),
    "AWS::WAFv2::IPSet": handler(ip_set_create, ip_set_delete, ip_set_update),
    "AWS::IAM::OIDCProvider": handler(oidc_create, oidc_delete, reset(oidc_create, oidc_delete)),
    "AWS::SecretsManager::ResourcePolicy": handler(
        secret_policy_create, secret_policy_delete, reset(secret_policy_create, secret_policy_delete)
    ),
    "AWS::CloudTrail::Trail": handler(trail_create, trail_delete, reset(trail_create, trail_delete)),
    "AWS::Route53::RecordSetGroup": handler(records_create, records_delete, records_update),
    "AWS::ECS::CapacityProvider": handler(capacity_provider_create, capacity_provider_delete, capacity_provider_update),
    "AWS::ECS::ClusterCapacityProviderAssociations": handler(
        associations_create, associations_delete, reset(associations_create, associations_delete)
    ),
    "AWS::Budgets::Budget": handler(budget_create, budget_delete, budget_update),
}


# --- On paper ---------------------------------------------------------------------------------------------------


def on_paper(kind, reference, attributes=lambda identity, props: {}):
    """A type without a service behind it: it has an identity and attributes, and nothing else happens."""

    def create(logical_id, props, stack_name):
        identity = reference(logical_id, props, stack_name)
        paper.note(kind, identity, props, stack_name, logical_id)
        return identity, attributes(identity, props)

    def update(physical_id, old, new, stack_name, logical_id=None):
        paper.note(kind, physical_id, new, stack_name, logical_id or "")
        return physical_id, attributes(physical_id, new)

    def delete(physical_id, props):
        paper.forget(kind, physical_id)

    return {**handler(create, delete, update), "paper": True}


def arn(service, rest):
    return f"arn:aws:{service}:{get_region()}:{get_account_id()}:{rest}"


def scaling_policy_arn(logical_id, props, stack_name):
    name = props.get("PolicyName", physical(stack_name, logical_id))
    return arn("autoscaling", f"scalingPolicy:{new_uuid()}:resource/ecs/policyName/{name}")


def paper_types():
    def target(logical_id, props, stack_name):
        return "|".join(str(props.get(key)) for key in ("ResourceId", "ScalableDimension", "ServiceNamespace"))

    types = {
        "AWS::ApplicationAutoScaling::ScalableTarget": (target, lambda identity, props: {"Id": identity}),
        "AWS::ApplicationAutoScaling::ScalingPolicy": (scaling_policy_arn, lambda identity, props: {"Arn": identity}),
        "AWS::Logs::QueryDefinition": (lambda *_: new_uuid(), lambda identity, props: {"QueryDefinitionId": identity}),
        "AWS::WAFv2::LoggingConfiguration": (lambda _l, props, _s: props.get("ResourceArn"),),
        "AWS::SecretsManager::RotationSchedule": (lambda _l, props, _s: props.get("SecretId"),),
        "AWS::SNS::TopicInlinePolicy": (lambda _l, props, _s: props.get("TopicArn"),),
        "AWS::ECR::RegistryPolicy": (lambda *_: get_account_id(),),
        "AWS::ECR::ReplicationConfiguration": (lambda *_: get_account_id(),),
        "AWS::CloudFront::MonitoringSubscription": (lambda _l, props, _s: props.get("DistributionId"),),
        "AWS::CE::AnomalyMonitor": (lambda *_: arn("ce", f"anomalymonitor/{new_uuid()}"),),
        "AWS::CE::AnomalySubscription": (lambda *_: arn("ce", f"anomalysubscription/{new_uuid()}"),),
    }
    return {kind: on_paper(kind, *how) for kind, how in types.items()}
