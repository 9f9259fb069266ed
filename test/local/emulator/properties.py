"""Properties of stacks' resources that ministack's provisioners drop, although the service behind them knows most.

Each goes through the emulated service's own operation, as CloudFormation's would, so that the service's API tells it.
What the service has no place for is put on paper (paper.py).
"""

import json
from xml.sax.saxutils import escape

from ministack.services import acm, cloudwatch, ecs, iam, rds, route53, s3, waf
from ministack.services.cloudformation import provisioners

import paper
from corrections import camel
from resources import answer, query


def keep():
    buckets_are_as_declared()
    services_are_as_declared()
    databases_are_as_declared()
    protected_databases_stay()
    roles_have_their_limit()
    alarms_may_be_of_expressions()
    firewalls_are_as_declared()
    certificates_are_validated_in_their_zone()
    changes_of_a_value_replace_nothing()


def wrapped(kind, after_create, after_update=None):
    """The type's own create and update, each followed by a call with what came out of it."""
    handlers = provisioners._RESOURCE_HANDLERS[kind]
    create_only, update_only = handlers["create"], handlers.get("update")
    with_logical_id = handlers.get("update_with_logical_id")
    again = after_update or after_create

    def create(logical_id, props, stack_name):
        made = create_only(logical_id, props, stack_name)
        after_create(made[0], props, stack_name, logical_id)
        return made

    def update(physical_id, old_props, new_props, stack_name, logical_id=None):
        arguments = (physical_id, old_props, new_props, stack_name)
        made = update_only(*arguments, logical_id) if with_logical_id else update_only(*arguments)
        again(made[0], new_props, stack_name, logical_id or "")
        return made

    handlers["create"] = create
    if update_only:
        handlers["update"] = update
        handlers["update_with_logical_id"] = True


# --- S3 ---------------------------------------------------------------------------------------------------------


def buckets_are_as_declared():
    """AWS: encryption, lifecycle, ownership and access logging of the template. ministack keeps versioning alone."""

    def apply(name, props, stack_name, logical_id):
        for key, to_xml, put in (
            ("BucketEncryption", encryption_xml, s3._put_bucket_encryption),
            ("LifecycleConfiguration", lifecycle_xml, s3._put_bucket_lifecycle),
            ("OwnershipControls", ownership_xml, s3._put_bucket_ownership_controls),
            ("LoggingConfiguration", lambda value: logging_xml(value, name), s3._put_bucket_logging),
        ):
            if props.get(key):
                answer(put(name, to_xml(props[key]).encode()))
        if props.get("MetricsConfigurations"):
            paper.note("AWS::S3::Bucket", name, {"MetricsConfigurations": props["MetricsConfigurations"]}, stack_name, logical_id)

    wrapped("AWS::S3::Bucket", apply)


def node(name, *content):
    return f"<{name}>{''.join(content)}</{name}>"


def leaf(name, value):
    return "" if value in (None, "") else node(name, escape(str(value).lower() if isinstance(value, bool) else str(value)))


def encryption_xml(value):
    rules = []
    for rule in value.get("ServerSideEncryptionConfiguration", []):
        default = rule.get("ServerSideEncryptionByDefault", {})
        rules.append(
            node(
                "Rule",
                node(
                    "ApplyServerSideEncryptionByDefault",
                    leaf("SSEAlgorithm", default.get("SSEAlgorithm")),
                    leaf("KMSMasterKeyID", default.get("KMSMasterKeyID")),
                ),
                leaf("BucketKeyEnabled", rule.get("BucketKeyEnabled")),
            )
        )
    return node("ServerSideEncryptionConfiguration", *rules)


def lifecycle_xml(value):
    return node("LifecycleConfiguration", *(lifecycle_rule(rule) for rule in value.get("Rules", [])))


def lifecycle_rule(rule):
    transitions = rule.get("Transitions") or ([rule["Transition"]] if rule.get("Transition") else [])
    expiration = leaf("Days", rule.get("ExpirationInDays")) + leaf(
        "ExpiredObjectDeleteMarker", rule.get("ExpiredObjectDeleteMarker")
    )
    noncurrent = rule.get("NoncurrentVersionExpiration") or {}
    noncurrent_days = noncurrent.get("NoncurrentDays", rule.get("NoncurrentVersionExpirationInDays"))
    abort = (rule.get("AbortIncompleteMultipartUpload") or {}).get("DaysAfterInitiation")
    return node(
        "Rule",
        leaf("ID", rule.get("Id")),
        leaf("Status", rule.get("Status")),
        node("Filter", node("Prefix", escape(rule.get("Prefix") or ""))),
        *(
            node("Transition", leaf("Days", one.get("TransitionInDays")), leaf("StorageClass", one.get("StorageClass")))
            for one in transitions
        ),
        node("Expiration", expiration) if expiration else "",
        node(
            "NoncurrentVersionExpiration",
            leaf("NoncurrentDays", noncurrent_days),
            leaf("NewerNoncurrentVersions", noncurrent.get("NewerNoncurrentVersions")),
        )
        if noncurrent_days
        else "",
        node("AbortIncompleteMultipartUpload", leaf("DaysAfterInitiation", abort)) if abort else "",
    )


def ownership_xml(value):
    rules = (node("Rule", leaf("ObjectOwnership", rule.get("ObjectOwnership"))) for rule in value.get("Rules", []))
    return node("OwnershipControls", *rules)


def logging_xml(value, name):
    target = value.get("DestinationBucketName") or name
    return node(
        "BucketLoggingStatus",
        node("LoggingEnabled", leaf("TargetBucket", target), node("TargetPrefix", escape(value.get("LogFilePrefix") or ""))),
    )


# --- ECS --------------------------------------------------------------------------------------------------------


def services_are_as_declared():
    """AWS: a service is created with all its properties. ministack leaves out the grace period and how tags spread."""

    def create(logical_id, props, stack_name):
        request = camel({"ServiceName": f"{stack_name}-{logical_id}", "DesiredCount": 1, **props})
        numbers = [(request, "desiredCount"), (request, "healthCheckGracePeriodSeconds")]
        deployment = request.get("deploymentConfiguration", {})
        numbers += [(deployment, "minimumHealthyPercent"), (deployment, "maximumPercent")]
        for place, name in numbers:
            if name in place:
                place[name] = int(place[name])
        for name in ("enable", "rollback"):
            breaker = deployment.get("deploymentCircuitBreaker", {})
            if name in breaker:
                breaker[name] = str(breaker[name]).lower() == "true"
        made = json.loads(answer(ecs._create_service(request)))["service"]
        return made["serviceArn"], {"ServiceArn": made["serviceArn"], "Name": made["serviceName"]}

    provisioners._RESOURCE_HANDLERS["AWS::ECS::Service"]["create"] = create


# --- RDS --------------------------------------------------------------------------------------------------------

# What the emulated DescribeDBInstances does not tell.
UNTOLD = ("EnableCloudwatchLogsExports", "DatabaseInsightsMode")


def databases_are_as_declared():
    """AWS: how long Performance Insights keeps is the template's. ministack tells its default, whatever was asked for."""

    def apply(identity, props, stack_name, logical_id):
        instance = rds._instances.get(identity)
        if instance is not None and props.get("PerformanceInsightsRetentionPeriod") is not None:
            instance["PerformanceInsightsRetentionPeriod"] = int(props["PerformanceInsightsRetentionPeriod"])
        paper.note("AWS::RDS::DBInstance", identity, {key: props[key] for key in UNTOLD if key in props}, stack_name, logical_id)

    wrapped("AWS::RDS::DBInstance", apply)


def protected_databases_stay():
    """AWS: a stack cannot delete a database that is protected from deletion."""
    handlers = provisioners._RESOURCE_HANDLERS["AWS::RDS::DBInstance"]
    delete_any = handlers["delete"]

    def delete(physical_id, props):
        if (rds._instances.get(physical_id) or {}).get("DeletionProtection"):
            raise ValueError(
                "Cannot delete protected DB Instance, please disable deletion protection and try again."
            )
        delete_any(physical_id, props)

    handlers["delete"] = delete


# --- IAM --------------------------------------------------------------------------------------------------------


def roles_have_their_limit():
    """AWS: a role gets the permissions boundary of the template, whose policy must exist. ministack leaves it out."""

    def limit(name, props, stack_name, logical_id):
        boundary = props.get("PermissionsBoundary")
        if boundary:
            query(iam._put_role_permissions_boundary, RoleName=name, PermissionsBoundary=boundary)
        elif (iam._roles.get(name) or {}).get("PermissionsBoundary"):
            query(iam._delete_role_permissions_boundary, RoleName=name)

    wrapped("AWS::IAM::Role", limit)


# --- CloudWatch -------------------------------------------------------------------------------------------------


def alarms_may_be_of_expressions():
    """AWS: an alarm watches one metric or an expression over several. ministack refuses the latter. It is kept, and
    described, but never evaluated."""
    record = provisioners._cw_metric_alarm_record

    def with_expression(name, props):
        metrics = props.get("Metrics")
        if not metrics:
            return record(name, props)
        alone = {key: value for key, value in props.items() if key != "Metrics"}
        alarm = record(name, {**alone, "MetricName": "expression", "Namespace": "expression"})
        for key in ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Unit", "Dimensions"):
            alarm[key] = None
        return {**alarm, "Metrics": metrics}

    provisioners._cw_metric_alarm_record = with_expression
    # Figures of alarms without one stand as null; the API leaves such members out.
    described = cloudwatch._json_ok
    cloudwatch._json_ok = lambda body: described(
        {**body, "MetricAlarms": [{k: v for k, v in alarm.items() if v is not None} for alarm in body["MetricAlarms"]]}
        if isinstance(body, dict) and "MetricAlarms" in body
        else body
    )


# --- WAF --------------------------------------------------------------------------------------------------------


def firewalls_are_as_declared():
    """AWS: rules are stored as the API writes them. ministack keeps CloudFormation's spelling, and numbers as texts."""
    create, update = waf.create_web_acl_record, waf.update_web_acl_record
    waf.create_web_acl_record = lambda name, scope, props: create(name, scope, as_api(props))
    waf.update_web_acl_record = lambda acl, props: update(acl, as_api(props))


def as_api(value, key=""):
    if isinstance(value, dict):
        return {("ARN" if name == "Arn" else name): as_api(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [as_api(inner) for inner in value]
    return int(value) if key in ("Limit", "EvaluationWindowSec", "Priority") and str(value).isdigit() else value


# --- ACM --------------------------------------------------------------------------------------------------------


def certificates_are_validated_in_their_zone():
    """AWS: with a HostedZoneId CloudFormation writes the validation record into that zone, and leaves it there. ministack
    issues every certificate at once, asked for a record or not."""
    def write(arn, props, stack_name, logical_id):
        for option in props.get("DomainValidationOptions") or []:
            zone = option.get("HostedZoneId")
            if not zone:
                continue
            if zone not in route53._zones:
                raise ValueError(f"No hosted zone found with ID: {zone}")
            for asked in acm._certificates[arn]["DomainValidationOptions"]:
                if asked["DomainName"] != option.get("DomainName"):
                    continue
                record = asked["ResourceRecord"]
                declared = {"HostedZoneId": zone, "TTL": "300", "ResourceRecords": [record["Value"]], **{key: record[key] for key in ("Name", "Type")}}
                provisioners._r53_record_set_delete("", declared)
                provisioners._r53_record_set_create(logical_id, declared, stack_name)

    wrapped("AWS::CertificateManager::Certificate", write)


# --- Change sets ------------------------------------------------------------------------------------------------


def changes_of_a_value_replace_nothing():
    """AWS: only another name makes another secret or bucket
    (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-secretsmanager-secret.html). ministack has
    no list for these types, and says of every change of theirs that it may replace them."""
    provisioners._REPLACING_PROPERTIES.setdefault("AWS::SecretsManager::Secret", ("Name",))
    provisioners._REPLACING_PROPERTIES.setdefault("AWS::S3::Bucket", ("BucketName",))
