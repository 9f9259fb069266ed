"""CloudFormation types that the guide's infrastructure needs and ministack does not have.

Where the emulator has the service behind a type, the handler calls that service, so that the resource really
exists: `DescribeNatGateways` lists it, deleting the stack deletes it. Where it has none, the type is kept on paper,
and `ON_PAPER` lists it.
"""

import json
import re

from ministack.core.responses import get_account_id, get_region, new_uuid
from ministack.services import cloudtrail, ec2, iam, secretsmanager, waf
from ministack.services.cloudformation import provisioners

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
}


# --- On paper ---------------------------------------------------------------------------------------------------


def paper(reference, attributes=lambda identity, props: {}):
    """A type without a service behind it: it has an identity and attributes, and nothing else happens."""

    def create(logical_id, props, stack_name):
        identity = reference(logical_id, props, stack_name)
        return identity, attributes(identity, props)

    def update(physical_id, old, new, stack_name, logical_id=None):
        return physical_id, attributes(physical_id, new)

    return {**handler(create, lambda physical_id, props: None, update), "paper": True}


def arn(service, rest):
    return f"arn:aws:{service}:{get_region()}:{get_account_id()}:{rest}"


def scaling_policy_arn(logical_id, props, stack_name):
    name = props.get("PolicyName", physical(stack_name, logical_id))
    return arn("autoscaling", f"scalingPolicy:{new_uuid()}:resource/ecs/policyName/{name}")


def paper_types():
    def target(logical_id, props, stack_name):
        return "|".join(str(props.get(key)) for key in ("ResourceId", "ScalableDimension", "ServiceNamespace"))

    def named(key):
        return lambda logical_id, props, stack_name: props.get(key) or physical(stack_name, logical_id)

    return {
        "AWS::ApplicationAutoScaling::ScalableTarget": paper(target, lambda identity, props: {"Id": identity}),
        "AWS::ApplicationAutoScaling::ScalingPolicy": paper(
            scaling_policy_arn, lambda identity, props: {"Arn": identity}
        ),
        "AWS::Logs::QueryDefinition": paper(
            lambda *_: new_uuid(), lambda identity, props: {"QueryDefinitionId": identity}
        ),
        "AWS::WAFv2::LoggingConfiguration": paper(lambda _l, props, _s: props.get("ResourceArn")),
        "AWS::SecretsManager::RotationSchedule": paper(lambda _l, props, _s: props.get("SecretId")),
        "AWS::Budgets::Budget": paper(lambda l, props, s: (props.get("Budget") or {}).get("BudgetName") or physical(s, l)),
        "AWS::SNS::TopicInlinePolicy": paper(lambda _l, props, _s: props.get("TopicArn")),
        "AWS::ECR::RegistryPolicy": paper(lambda *_: get_account_id()),
        "AWS::ECR::ReplicationConfiguration": paper(lambda *_: get_account_id()),
        "AWS::ECS::ClusterCapacityProviderAssociations": paper(lambda _l, props, _s: props.get("Cluster")),
        "AWS::ECS::CapacityProvider": paper(named("Name")),
        "AWS::CloudFront::MonitoringSubscription": paper(lambda _l, props, _s: props.get("DistributionId")),
        "AWS::CE::AnomalyMonitor": paper(lambda *_: arn("ce", f"anomalymonitor/{new_uuid()}")),
        "AWS::CE::AnomalySubscription": paper(lambda *_: arn("ce", f"anomalysubscription/{new_uuid()}")),
    }
