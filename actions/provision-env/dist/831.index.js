export const id = 831;
export const ids = [831];
export const modules = {

/***/ 4831:
/***/ ((__unused_webpack_module, __webpack_exports__, __webpack_require__) => {


// EXPORTS
__webpack_require__.d(__webpack_exports__, {
  connectPorts: () => (/* binding */ connectPorts)
});

// EXTERNAL MODULE: external "node:timers/promises"
var promises_ = __webpack_require__(8500);
;// CONCATENATED MODULE: ./shared/action/system-clock.ts

const systemClock = {
    now: () => Date.now(),
    sleep: async (ms, signal) => {
        try {
            await (0,promises_.setTimeout)(ms, undefined, signal === undefined ? {} : { signal });
        }
        catch (error) {
            // Node rejects with an AbortError of its own, whatever the reason was.
            signal?.throwIfAborted();
            throw error;
        }
    },
};

// EXTERNAL MODULE: ./node_modules/@aws-sdk/client-cloudformation/dist-cjs/index.js
var dist_cjs = __webpack_require__(3805);
// EXTERNAL MODULE: ./shared/core/errors.ts
var errors = __webpack_require__(6677);
// EXTERNAL MODULE: external "node:http"
var external_node_http_ = __webpack_require__(7067);
// EXTERNAL MODULE: external "node:https"
var external_node_https_ = __webpack_require__(4708);
// EXTERNAL MODULE: ./node_modules/@smithy/node-http-handler/dist-cjs/index.js
var node_http_handler_dist_cjs = __webpack_require__(1279);
;// CONCATENATED MODULE: ./shared/aws/aws-error.ts

/** Turns what the SDK throws into an `AwsError`; errors of ours (no OIDC token …) pass as they are. */
function toAwsError(error, { service, operation }) {
    if (error instanceof errors/* ActionError */.lZ)
        return error;
    if (!(error instanceof Error))
        return new errors/* AwsError */.Gy('Unknown', `${service} ${operation}: ${String(error)}`, { service, operation, cause: error });
    const code = error.name === 'Error' ? 'Unknown' : error.name;
    const { requestId, httpStatusCode } = metadata(error);
    const suffix = requestId === undefined ? '' : ` (request ${requestId})`;
    const details = { service, operation, requestId, httpStatus: httpStatusCode, cause: error };
    if (isAccessDenied(code, error.message)) {
        const { hint } = explainDenial(error.message, { service, operation });
        return new errors/* AwsError */.Gy(code, `${service} ${operation} was denied: ${error.message}${suffix}`, {
            ...details,
            hint,
            fault: 'user',
        });
    }
    if (code === 'CredentialsProviderError') {
        return new errors/* AwsError */.Gy(code, `${service} ${operation}: no AWS credentials were found`, {
            ...details,
            fault: 'user',
            hint: 'Set role-to-assume (with "permissions: id-token: write"), or run aws-actions/configure-aws-credentials first.',
        });
    }
    return new errors/* AwsError */.Gy(code, `${service} ${operation}: ${code}: ${error.message}${suffix}`, details);
}
function metadata(error) {
    const found = '$metadata' in error ? error.$metadata : undefined;
    if (typeof found !== 'object' || found === null)
        return { requestId: undefined, httpStatusCode: undefined };
    return {
        requestId: 'requestId' in found && typeof found.requestId === 'string' ? found.requestId : undefined,
        httpStatusCode: 'httpStatusCode' in found && typeof found.httpStatusCode === 'number' ? found.httpStatusCode : undefined,
    };
}
function isAccessDenied(code, message) {
    return (/^(AccessDenied|AccessDeniedException|UnauthorizedOperation|AuthorizationError|Forbidden)$/.test(code) ||
        / is not authorized to perform: /.test(message));
}
/** The IAM statement that is missing, or who denies explicitly, from AWS's own message. */
function explainDenial(message, call) {
    if (/with an explicit deny/i.test(message)) {
        const where = /explicit deny in (?:an? |the )?([\w -]+?)(?: policy)?(?::|$)/i.exec(message)?.[1] ?? 'policy';
        return { hint: `An explicit deny (${where}) forbids this; no added permission helps until that deny is changed.` };
    }
    if (/because no (permissions boundary|service control policy|resource control policy|session policy)/i.test(message)) {
        const what = /because no ([\w ]+?) allows/i.exec(message)?.[1] ?? 'boundary';
        return { hint: `The role's own policy is not the obstacle: no ${what} allows the action.` };
    }
    const action = /not authorized to perform: ([\w-]+:[\w*]+)/.exec(message)?.[1] ?? `${iamPrefix(call.service)}:${call.operation}`;
    const resource = /on resource: (\S+?)(?:\s|$)/.exec(message)?.[1] ?? '*';
    const statement = JSON.stringify({ Effect: 'Allow', Action: action, Resource: resource });
    return { hint: `Add this statement to the policy of the role that runs the action: ${statement}` };
}
function iamPrefix(service) {
    return service
        .toLowerCase()
        .replace('cloudwatchlogs', 'logs')
        .replace('elasticloadbalancingv2', 'elasticloadbalancing');
}

;// CONCATENATED MODULE: ./shared/aws/sdk-config.ts




/**
 * One configuration for all clients of a run. `AWS_ENDPOINT_URL` and `AWS_ENDPOINT_URL_<SERVICE>` are read by the SDK.
 * Ten attempts: the SDK's three give up after half a second of throttling. Both time-out settings are needed: with either
 * missing, a connection that is accepted and never answered hangs for good.
 */
function sdkConfig(options, environment) {
    const base = {
        region: options.region,
        maxAttempts: 10,
        retryMode: 'standard',
        requestHandler: new node_http_handler_dist_cjs.NodeHttpHandler({
            connectionTimeout: 5_000,
            requestTimeout: environment.requestTimeout ?? 60_000,
            throwOnRequestTimeout: true,
            httpAgent: new external_node_http_.Agent({ keepAlive: true, maxSockets: 50 }),
            httpsAgent: new external_node_https_.Agent({ keepAlive: true, maxSockets: 50 }),
        }),
    };
    const { roleToAssume } = options;
    if (roleToAssume === undefined)
        return base;
    return { ...base, credentials: webIdentity({ ...options, roleToAssume }, base, environment) };
}
/** Credentials of `role-to-assume` for the job's own OIDC token: kept in memory, fetched anew (with a fresh token) before they expire. */
function webIdentity(options, base, environment) {
    return async () => {
        const { AssumeRoleWithWebIdentityCommand, STSClient } = await __webpack_require__.e(/* import() */ 695).then(__webpack_require__.t.bind(__webpack_require__, 1695, 19));
        const sts = connect(STSClient, base);
        const { Credentials } = await sts.send(new AssumeRoleWithWebIdentityCommand({
            RoleArn: options.roleToAssume,
            RoleSessionName: options.roleSessionName,
            DurationSeconds: options.roleDurationSeconds,
            WebIdentityToken: await environment.idToken('sts.amazonaws.com'),
        }));
        const { AccessKeyId = '', SecretAccessKey = '', SessionToken = '', Expiration } = Credentials ?? {};
        for (const secret of [SecretAccessKey, SessionToken])
            if (secret !== '')
                environment.mask(secret);
        return {
            accessKeyId: AccessKeyId,
            secretAccessKey: SecretAccessKey,
            sessionToken: SessionToken,
            ...(Expiration === undefined ? {} : { expiration: Expiration }),
        };
    };
}
/** A client whose failures are `AwsError`s: service, operation, request id, and on access denied the missing statement. */
function connect(Client, config) {
    const client = new Client(config);
    client.middlewareStack.add((next, context) => async (args) => {
        try {
            return await next(args);
        }
        catch (error) {
            throw toAwsError(error, {
                service: (context.clientName ?? 'AWS').replace(/Client$/, ''),
                operation: (context.commandName ?? 'unknown').replace(/Command$/, ''),
            });
        }
    }, { step: 'initialize', name: 'awsError', priority: 'high' });
    return client;
}

;// CONCATENATED MODULE: ./shared/aws/cloudformation.ts



function cloudFormationStacks(config) {
    const client = connect(dist_cjs/* CloudFormationClient */.m1N, config);
    async function eventPage(stack, token) {
        const page = await client.send(new dist_cjs/* DescribeStackEventsCommand */.Ie9({ StackName: stack, ...(token === undefined ? {} : { NextToken: token }) }));
        return [(page.StackEvents ?? []).map(stackEvent), page.NextToken];
    }
    return {
        async describe(stack) {
            try {
                const { Stacks: stacks = [] } = await client.send(new dist_cjs/* DescribeStacksCommand */.Y47({ StackName: stack }));
                return stacks[0] === undefined ? undefined : stackState(stacks[0]);
            }
            catch (error) {
                // There is no error of its own for a missing stack.
                if ((0,errors/* isAwsError */.m_)(error, 'ValidationError') && error.message.includes('does not exist'))
                    return undefined;
                throw error;
            }
        },
        async createChangeSet(request) {
            const { template, executionRole } = request;
            const { Id = '' } = await client.send(new dist_cjs/* CreateChangeSetCommand */.YDU({
                StackName: request.stack,
                ChangeSetName: request.name,
                ChangeSetType: request.kind,
                ClientToken: request.name,
                ...(typeof template === 'string' ? { TemplateBody: template } : { UsePreviousTemplate: true }),
                Parameters: [...request.parameters].map(([name, value]) => typeof value === 'string'
                    ? { ParameterKey: name, ParameterValue: value }
                    : { ParameterKey: name, UsePreviousValue: true }),
                Tags: [...request.tags].map(([Key, Value]) => ({ Key, Value })),
                Capabilities: ['CAPABILITY_IAM'],
                ...(executionRole === undefined ? {} : { RoleARN: executionRole }),
            }));
            return Id;
        },
        async describeChangeSet(changeSet) {
            const changes = [];
            for (let token;;) {
                const page = await client.send(new dist_cjs/* DescribeChangeSetCommand */.TTT({
                    ChangeSetName: changeSet,
                    ...(token === undefined ? {} : { NextToken: token }),
                }));
                changes.push(...(page.Changes ?? []).flatMap(resourceChange));
                token = page.NextToken;
                if (token === undefined) {
                    return {
                        status: page.Status ?? '',
                        reason: page.StatusReason ?? '',
                        executable: page.ExecutionStatus === 'AVAILABLE',
                        changes,
                    };
                }
            }
        },
        async executeChangeSet(changeSet, token) {
            await client.send(new dist_cjs/* ExecuteChangeSetCommand */.PB_({ ChangeSetName: changeSet, ClientRequestToken: token }));
        },
        async deleteChangeSet(changeSet) {
            try {
                await client.send(new dist_cjs/* DeleteChangeSetCommand */.$GE({ ChangeSetName: changeSet }));
            }
            catch (error) {
                if (!(0,errors/* isAwsError */.m_)(error, 'ChangeSetNotFound', 'ChangeSetNotFoundException'))
                    throw error;
            }
        },
        async deleteStack(stack, { token, executionRole }) {
            await client.send(new dist_cjs/* DeleteStackCommand */.fAr({
                StackName: stack,
                ClientRequestToken: token,
                ...(executionRole === undefined ? {} : { RoleARN: executionRole }),
            }));
        },
        async events(stack, since) {
            const events = [];
            for (let token;;) {
                const [page, next] = await eventPage(stack, token);
                const known = page.findIndex(({ id }) => id === since);
                events.push(...(known < 0 ? page : page.slice(0, known)));
                token = next;
                if (known >= 0 || token === undefined)
                    return events.reverse();
            }
        },
        async lastEvent(stack) {
            const [page] = await eventPage(stack);
            return page[0]?.id;
        },
    };
}
function stackState(stack) {
    return {
        id: stack.StackId ?? '',
        name: stack.StackName ?? '',
        status: stack.StackStatus ?? '',
        reason: stack.StackStatusReason ?? '',
        parameters: new Map((stack.Parameters ?? []).map((item) => [item.ParameterKey ?? '', item.ParameterValue ?? ''])),
        outputs: new Map((stack.Outputs ?? []).map((item) => [item.OutputKey ?? '', item.OutputValue ?? ''])),
    };
}
function stackEvent(event) {
    return {
        id: event.EventId ?? '',
        at: event.Timestamp?.getTime() ?? 0,
        logicalId: event.LogicalResourceId ?? '',
        physicalId: event.PhysicalResourceId ?? '',
        type: event.ResourceType ?? '',
        status: event.ResourceStatus ?? '',
        reason: event.ResourceStatusReason ?? '',
    };
}
function resourceChange({ ResourceChange: change }) {
    if (change === undefined)
        return [];
    const names = (change.Details ?? []).map(({ Target }) => Target?.Name ?? Target?.Attribute ?? '');
    return [
        {
            action: change.Action ?? 'Modify',
            logicalId: change.LogicalResourceId ?? '',
            type: change.ResourceType ?? '',
            replacement: change.Replacement ?? 'False',
            properties: [...new Set(names)].filter((name) => name !== ''),
        },
    ];
}

// EXTERNAL MODULE: ./node_modules/@aws-sdk/client-ecs/dist-cjs/index.js
var client_ecs_dist_cjs = __webpack_require__(212);
;// CONCATENATED MODULE: ./shared/aws/ecs.ts



function ecsServices(config) {
    const ecs = connect(client_ecs_dist_cjs/* ECSClient */.Zgc, config);
    return {
        async describeService({ cluster, service }) {
            try {
                const { services = [] } = await ecs.send(new client_ecs_dist_cjs/* DescribeServicesCommand */.H7c({ cluster, services: [service] }));
                return services[0] === undefined ? undefined : serviceState(services[0]);
            }
            catch (error) {
                if ((0,errors/* isAwsError */.m_)(error, 'ClusterNotFoundException'))
                    return undefined;
                throw error;
            }
        },
        async describeTaskDefinition(reference) {
            try {
                const { taskDefinition = {}, tags = [] } = await ecs.send(new client_ecs_dist_cjs/* DescribeTaskDefinitionCommand */.Zy$({ taskDefinition: reference, include: ['TAGS'] }));
                return {
                    arn: taskDefinition.taskDefinitionArn ?? '',
                    family: taskDefinition.family ?? '',
                    revision: taskDefinition.revision ?? 0,
                    active: taskDefinition.status === 'ACTIVE',
                    described: taskDefinition,
                    tags: tags.map(({ key = '', value = '' }) => ({ key, value })),
                };
            }
            catch (error) {
                if ((0,errors/* isAwsError */.m_)(error, 'ClientException') && /unable to describe/i.test(error.message))
                    return undefined;
                throw error;
            }
        },
        async listRevisions(family) {
            const { taskDefinitionArns = [] } = await ecs.send(new client_ecs_dist_cjs/* ListTaskDefinitionsCommand */.Pse({ familyPrefix: family, status: 'ACTIVE', sort: 'DESC', maxResults: 100 }));
            return taskDefinitionArns;
        },
        async registerTaskDefinition(request) {
            const { taskDefinition } = await ecs.send(new client_ecs_dist_cjs/* RegisterTaskDefinitionCommand */.$Hl(request));
            return taskDefinition?.taskDefinitionArn ?? '';
        },
        async updateService({ cluster, service, taskDefinition, desiredCount, force }) {
            const { service: updated = {} } = await ecs.send(new client_ecs_dist_cjs/* UpdateServiceCommand */.kZr({
                cluster,
                service,
                taskDefinition,
                ...(force ? { forceNewDeployment: true } : {}),
                ...(desiredCount === undefined ? {} : { desiredCount }),
            }));
            return serviceState(updated);
        },
        async listServiceDeployments({ cluster, service }, { createdAfter, statuses }) {
            const found = [];
            let nextToken;
            do {
                const page = await ecs.send(new client_ecs_dist_cjs/* ListServiceDeploymentsCommand */.jz8({
                    cluster,
                    service,
                    ...(createdAfter === undefined ? {} : { createdAt: { after: createdAfter } }),
                    ...(statuses === undefined ? {} : { status: [...statuses] }),
                    ...(nextToken === undefined ? {} : { nextToken }),
                }));
                for (const brief of page.serviceDeployments ?? []) {
                    found.push({
                        arn: brief.serviceDeploymentArn ?? '',
                        status: brief.status ?? '',
                        targetRevision: brief.targetServiceRevisionArn ?? '',
                        createdAt: brief.createdAt,
                    });
                }
                nextToken = page.nextToken === '' ? undefined : page.nextToken;
            } while (nextToken !== undefined);
            return found.toSorted((a, b) => (b.createdAt?.getTime() ?? 0) - (a.createdAt?.getTime() ?? 0));
        },
        async describeServiceDeployment(arn) {
            const { serviceDeployments = [] } = await ecs.send(new client_ecs_dist_cjs/* DescribeServiceDeploymentsCommand */.A6p({ serviceDeploymentArns: [arn] }));
            return serviceDeployments[0] === undefined ? undefined : serviceDeploymentState(serviceDeployments[0]);
        },
        async revisionTaskDefinition(revisionArn) {
            const { serviceRevisions = [] } = await ecs.send(new client_ecs_dist_cjs/* DescribeServiceRevisionsCommand */.oF5({ serviceRevisionArns: [revisionArn] }));
            return serviceRevisions[0]?.taskDefinition;
        },
        async rollBackDeployment(arn) {
            await ecs.send(new client_ecs_dist_cjs/* StopServiceDeploymentCommand */.a8L({ serviceDeploymentArn: arn, stopType: 'ROLLBACK' }));
        },
        async stoppedTasks({ cluster, service }) {
            // One page is a hundred tasks: far more than any verdict or diagnosis needs.
            const { taskArns = [] } = await ecs.send(new client_ecs_dist_cjs/* ListTasksCommand */.MYg({ cluster, serviceName: service, desiredStatus: 'STOPPED' }));
            return taskArns;
        },
        async describeTasks(cluster, arns) {
            if (arns.length === 0)
                return [];
            const { tasks = [] } = await ecs.send(new client_ecs_dist_cjs/* DescribeTasksCommand */.z8X({ cluster, tasks: arns.slice(0, 100) }));
            return tasks.map(taskState);
        },
        async runTask({ cluster, taskDefinition, placement, container, command, clientToken, startedBy }) {
            const { launchType, capacityProviders, platformVersion, network } = placement;
            const { tasks = [], failures = [] } = await ecs.send(new client_ecs_dist_cjs/* RunTaskCommand */._eD({
                cluster,
                taskDefinition,
                count: 1,
                clientToken,
                startedBy,
                overrides: { containerOverrides: [{ name: container, command: [...command] }] },
                // AWS refuses a launch type beside a capacity provider strategy.
                ...(capacityProviders.length > 0 ? { capacityProviderStrategy: [...capacityProviders] } : {}),
                ...(capacityProviders.length === 0 && launchType !== undefined ? { launchType } : {}),
                ...(platformVersion === undefined ? {} : { platformVersion }),
                ...(network === undefined ? {} : { networkConfiguration: network }),
            }));
            return {
                task: tasks[0]?.taskArn,
                failures: failures.map(({ arn = '', reason = '', detail = '' }) => [reason, detail, arn].filter((part) => part !== '').join(' ')),
            };
        },
        async stopTask(cluster, arn, reason) {
            await ecs.send(new client_ecs_dist_cjs/* StopTaskCommand */.PP1({ cluster, task: arn, reason }));
        },
    };
}
function serviceState(service) {
    const { deploymentConfiguration = {}, networkConfiguration } = service;
    const strategy = nonEmpty(deploymentConfiguration.strategy) ?? 'ROLLING';
    const breaker = deploymentConfiguration.deploymentCircuitBreaker;
    return {
        arn: service.serviceArn ?? '',
        name: service.serviceName ?? '',
        clusterArn: service.clusterArn ?? '',
        status: service.status ?? '',
        controller: service.deploymentController?.type ?? 'ECS',
        strategy,
        scheduling: service.schedulingStrategy ?? 'REPLICA',
        bakeMinutes: deploymentConfiguration.bakeTimeInMinutes ?? 0,
        taskDefinition: service.taskDefinition ?? '',
        desired: service.desiredCount ?? 0,
        running: service.runningCount ?? 0,
        pending: service.pendingCount ?? 0,
        breaker: { enabled: breaker?.enable ?? false, rollback: breaker?.rollback ?? false },
        placement: {
            launchType: service.launchType,
            capacityProviders: service.capacityProviderStrategy ?? [],
            platformVersion: nonEmpty(service.platformVersion),
            network: networkConfiguration?.awsvpcConfiguration === undefined ? undefined : networkConfiguration,
        },
        targetGroups: (service.loadBalancers ?? []).flatMap(({ targetGroupArn, advancedConfiguration }) => [targetGroupArn, advancedConfiguration?.alternateTargetGroupArn].flatMap((arn) => nonEmpty(arn) ?? [])),
        deployments: (service.deployments ?? []).map(deploymentState),
        events: (service.events ?? []).map(({ id = '', createdAt, message = '' }) => ({ id, at: createdAt, message })),
    };
}
function deploymentState(deployment) {
    return {
        id: deployment.id ?? '',
        status: deployment.status ?? '',
        taskDefinition: deployment.taskDefinition ?? '',
        desired: deployment.desiredCount ?? 0,
        running: deployment.runningCount ?? 0,
        pending: deployment.pendingCount ?? 0,
        failed: deployment.failedTasks ?? 0,
        rolloutState: deployment.rolloutState ?? '',
        rolloutReason: deployment.rolloutStateReason ?? '',
        createdAt: deployment.createdAt,
    };
}
function serviceDeploymentState(deployment) {
    const { targetServiceRevision: target = {}, rollback, deploymentCircuitBreaker: breaker = {} } = deployment;
    return {
        arn: deployment.serviceDeploymentArn ?? '',
        status: deployment.status ?? '',
        statusReason: deployment.statusReason ?? '',
        stage: deployment.lifecycleStage ?? '',
        targetRevision: target.arn ?? '',
        requested: target.requestedTaskCount ?? 0,
        running: target.runningTaskCount ?? 0,
        pending: target.pendingTaskCount ?? 0,
        rollback: rollback === undefined
            ? undefined
            : { reason: rollback.reason ?? '', revision: rollback.serviceRevisionArn ?? '' },
        breaker: { status: breaker.status ?? '', failures: breaker.failureCount ?? 0, threshold: breaker.threshold ?? 0 },
        alarms: {
            status: deployment.alarms?.status ?? '',
            triggered: deployment.alarms?.triggeredAlarmNames ?? [],
        },
        hooks: (deployment.lifecycleHookDetails ?? []).map(({ hookId = '', status = '', targetArn = '', expiresAt }) => ({
            id: hookId,
            status,
            target: targetArn,
            expiresAt,
        })),
    };
}
function taskState(task) {
    return {
        arn: task.taskArn ?? '',
        taskDefinition: task.taskDefinitionArn ?? '',
        startedBy: task.startedBy ?? '',
        lastStatus: task.lastStatus ?? '',
        stopCode: task.stopCode ?? '',
        stoppedReason: task.stoppedReason ?? '',
        createdAt: task.createdAt,
        startedAt: task.startedAt,
        stoppedAt: task.stoppedAt,
        containers: (task.containers ?? []).map((container) => ({
            name: container.name ?? '',
            exitCode: container.exitCode,
            reason: container.reason ?? '',
            health: container.healthStatus ?? '',
        })),
    };
}
function nonEmpty(text) {
    return text === '' ? undefined : text;
}

// EXTERNAL MODULE: ./node_modules/@aws-sdk/client-secrets-manager/dist-cjs/index.js
var client_secrets_manager_dist_cjs = __webpack_require__(2994);
;// CONCATENATED MODULE: ./shared/aws/secrets-manager.ts



function secretsManager(config) {
    const client = connect(client_secrets_manager_dist_cjs/* SecretsManagerClient */._H, config);
    return {
        async hasValue(secret) {
            try {
                const { VersionIdsToStages = {} } = await client.send(new client_secrets_manager_dist_cjs/* DescribeSecretCommand */.X5({ SecretId: secret }));
                return Object.values(VersionIdsToStages).some((stages) => stages.includes('AWSCURRENT'));
            }
            catch (error) {
                if ((0,errors/* isAwsError */.m_)(error, 'ResourceNotFoundException'))
                    return false;
                throw error;
            }
        },
    };
}

;// CONCATENATED MODULE: ./actions/provision-env/src/ports.ts





function connectPorts(inputs, io) {
    const config = sdkConfig(inputs, io);
    return {
        stacks: cloudFormationStacks(config),
        services: ecsServices(config),
        secrets: secretsManager(config),
        clock: systemClock,
        signal: io.signal,
    };
}


/***/ })

};
