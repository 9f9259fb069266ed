export const id = 318;
export const ids = [318];
export const modules = {

/***/ 1318:
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

// EXTERNAL MODULE: ./node_modules/@aws-sdk/client-cloudfront/dist-cjs/index.js
var dist_cjs = __webpack_require__(3169);
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

;// CONCATENATED MODULE: ./shared/aws/cloudfront.ts



/** How many invalidations are looked through for one that was asked for before. */
const lookBack = 100;
function cdn(config) {
    const client = connect(dist_cjs/* CloudFrontClient */.GHk, config);
    /** CloudFront knows the reference with other paths: ours, asked for before, is among the recent ones, or the error stands. */
    async function byReference({ distributionId, callerReference, }) {
        const { InvalidationList } = await client.send(new dist_cjs/* ListInvalidationsCommand */.Psn({ DistributionId: distributionId, MaxItems: lookBack }));
        for (const { Id } of InvalidationList?.Items ?? []) {
            const { Invalidation: found } = await client.send(new dist_cjs/* GetInvalidationCommand */.Wwh({ DistributionId: distributionId, Id }));
            if (found?.InvalidationBatch?.CallerReference === callerReference)
                return toInvalidation(found);
        }
        return undefined;
    }
    return {
        async distributions() {
            const found = [];
            let marker;
            do {
                const { DistributionList } = await client.send(new dist_cjs/* ListDistributionsCommand */.jPJ(marker === undefined ? {} : { Marker: marker }));
                for (const { Id = '', DomainName = '', Aliases } of DistributionList?.Items ?? []) {
                    found.push({ id: Id, domainName: DomainName, aliases: Aliases?.Items ?? [] });
                }
                marker = DistributionList?.IsTruncated === true ? DistributionList.NextMarker : undefined;
            } while (marker !== undefined);
            return found;
        },
        async invalidate(request) {
            const { distributionId, callerReference, paths } = request;
            try {
                const { Invalidation: made } = await client.send(new dist_cjs/* CreateInvalidationCommand */.Yo6({
                    DistributionId: distributionId,
                    InvalidationBatch: {
                        CallerReference: callerReference,
                        Paths: { Quantity: paths.length, Items: [...paths] },
                    },
                }));
                return toInvalidation(made);
            }
            catch (error) {
                const known = (0,errors/* isAwsError */.m_)(error, 'InvalidationBatchAlreadyExists') ? await byReference(request) : undefined;
                if (known === undefined)
                    throw error;
                return known;
            }
        },
        async invalidation(distributionId, id) {
            const { Invalidation: found } = await client.send(new dist_cjs/* GetInvalidationCommand */.Wwh({ DistributionId: distributionId, Id: id }));
            return toInvalidation(found);
        },
    };
}
function toInvalidation(found) {
    return {
        id: found?.Id ?? '',
        status: found?.Status ?? 'InProgress',
        createdAt: found?.CreateTime?.getTime() ?? 0,
    };
}

// EXTERNAL MODULE: external "node:fs"
var external_node_fs_ = __webpack_require__(3024);
// EXTERNAL MODULE: external "node:fs/promises"
var external_node_fs_promises_ = __webpack_require__(1455);
// EXTERNAL MODULE: ./node_modules/@aws-sdk/client-s3/dist-cjs/index.js
var client_s3_dist_cjs = __webpack_require__(3711);
;// CONCATENATED MODULE: ./shared/core/multipart.ts
const mebibyte = 1024 * 1024;
/** Above this a file goes up in parts; up to it one PUT, whose ETag is the MD5 of the content (unless a KMS key encrypts the bucket). */
const multipartThreshold = 64 * mebibyte;
/**
 * The parts of a file, by its size alone: whoever cuts the same content gets the same parts, and so the same ETag to compare with.
 * S3 takes at most 10,000 parts.
 */
function partsOf(size) {
    if (size <= multipartThreshold)
        return [{ number: 1, start: 0, end: size }];
    const partSize = Math.max(32 * mebibyte, Math.ceil(size / 10_000 / mebibyte) * mebibyte);
    return Array.from({ length: Math.ceil(size / partSize) }, (_, index) => ({
        number: index + 1,
        start: index * partSize,
        end: Math.min(size, (index + 1) * partSize),
    }));
}

;// CONCATENATED MODULE: ./shared/core/pool.ts
/**
 * Runs `work` on every item, at most `limit` at a time. After the first failure (or an abort) nothing new is started, what
 * runs is awaited, and then the first failure is thrown: nobody is left writing behind the caller's back.
 */
async function forEachConcurrently(items, { limit, signal }, work) {
    const failures = [];
    let next = 0;
    const worker = async () => {
        while (next < items.length && failures.length === 0) {
            const item = items[next];
            next += 1;
            try {
                signal?.throwIfAborted();
                if (item !== undefined)
                    await work(item);
            }
            catch (error) {
                failures.push(error);
            }
        }
    };
    await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
    if (failures.length > 0)
        throw failures[0];
}

// EXTERNAL MODULE: ./shared/aws/wait.ts
var wait = __webpack_require__(6599);
;// CONCATENATED MODULE: ./shared/aws/s3.ts









/** Up to this size a body is held in memory, where the SDK can send it again by itself. */
const bufferLimit = 1024 * 1024;
const attempts = 10;
const silent = () => undefined;
const silentLogger = { debug: silent, info: silent, warn: silent, error: silent };
function objectStore(config, bucket) {
    const client = connect(client_s3_dist_cjs/* S3Client */.YxF, {
        ...config,
        // Bodies carry the SHA-256 that was planned; the SDK's own CRC32 on top costs CPU and breaks some S3-compatible stores.
        requestChecksumCalculation: 'WHEN_REQUIRED',
        responseChecksumValidation: 'WHEN_REQUIRED',
        // It would warn of every stream that it cannot send again; that is done here.
        logger: silentLogger,
        // A custom endpoint (an emulator) has no host name per bucket.
        forcePathStyle: (process.env['AWS_ENDPOINT_URL_S3'] ?? process.env['AWS_ENDPOINT_URL'] ?? '') !== '',
    });
    async function uploadWhole({ key, file, size, sha256, headers }) {
        const send = async () => {
            const { ETag } = await client.send(new client_s3_dist_cjs/* PutObjectCommand */.wKZ({
                Bucket: bucket,
                Key: key,
                Body: size <= bufferLimit ? await (0,external_node_fs_promises_.readFile)(file) : (0,external_node_fs_.createReadStream)(file),
                ContentLength: size,
                ChecksumSHA256: Buffer.from(sha256, 'hex').toString('base64'),
                ContentType: headers.contentType,
                CacheControl: headers.cacheControl,
            }));
            return bare(ETag);
        };
        return size <= bufferLimit ? send() : retried(send);
    }
    async function uploadParts({ key, file, size, headers }) {
        const target = { Bucket: bucket, Key: key };
        const { UploadId } = await client.send(new client_s3_dist_cjs/* CreateMultipartUploadCommand */.nG4({
            ...target,
            ContentType: headers.contentType,
            CacheControl: headers.cacheControl,
        }));
        const etags = new Map();
        const sendPart = async ({ number, start, end }) => {
            const part = { ...target, UploadId, PartNumber: number, ContentLength: end - start };
            const { ETag } = await retried(() => client.send(new client_s3_dist_cjs/* UploadPartCommand */.iVK({ ...part, Body: (0,external_node_fs_.createReadStream)(file, { start, end: end - 1 }) })));
            etags.set(number, ETag ?? '');
        };
        try {
            await forEachConcurrently(partsOf(size), { limit: 4 }, sendPart);
            const Parts = partsOf(size).map(({ number }) => ({ PartNumber: number, ETag: etags.get(number) }));
            const { ETag } = await client.send(new client_s3_dist_cjs/* CompleteMultipartUploadCommand */.Gym({ ...target, UploadId, MultipartUpload: { Parts } }));
            return bare(ETag);
        }
        catch (error) {
            // Parts of an unfinished upload are invisible and cost money; a failure to remove them must not hide the first one.
            await client.send(new client_s3_dist_cjs/* AbortMultipartUploadCommand */.tfP({ ...target, UploadId })).catch(() => undefined);
            throw error;
        }
    }
    return {
        async list(prefix) {
            const objects = [];
            let token;
            do {
                const page = await client.send(new client_s3_dist_cjs/* ListObjectsV2Command */.u6x({
                    Bucket: bucket,
                    Prefix: prefix,
                    // XML cannot hold every character that a key can.
                    EncodingType: 'url',
                    ...(token === undefined ? {} : { ContinuationToken: token }),
                }));
                const decode = page.EncodingType === 'url' ? decodeKey : (key) => key;
                for (const { Key = '', Size = 0, ETag } of page.Contents ?? []) {
                    objects.push({ key: decode(Key), size: Size, etag: bare(ETag) });
                }
                token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
            } while (token !== undefined);
            return objects;
        },
        async read(key) {
            try {
                const { Body, ETag } = await client.send(new client_s3_dist_cjs/* GetObjectCommand */.jLs({ Bucket: bucket, Key: key }));
                return { text: (await Body?.transformToString('utf-8')) ?? '', etag: bare(ETag) };
            }
            catch (error) {
                if ((0,errors/* isAwsError */.m_)(error, 'NoSuchKey'))
                    return undefined;
                throw error;
            }
        },
        async write({ key, text, contentType, expected }) {
            const condition = guard(expected);
            try {
                const { ETag } = await client.send(new client_s3_dist_cjs/* PutObjectCommand */.wKZ({
                    Bucket: bucket,
                    Key: key,
                    Body: Buffer.from(text),
                    ContentType: contentType,
                    CacheControl: 'no-store',
                    ...condition,
                }));
                return bare(ETag);
            }
            catch (error) {
                if (!(0,errors/* isAwsError */.m_)(error, 'PreconditionFailed', 'ConditionalRequestConflict', 'NoSuchKey'))
                    throw error;
                // An answer that was lost on the way makes the SDK ask again, and then our own write is in the way.
                const now = await this.read(key);
                if (now?.text === text)
                    return now.etag;
                throw new errors/* ActionError */.lZ('ConcurrentPublish', `another run wrote s3://${bucket}/${key} in the meantime`, {
                    cause: error,
                    hint: 'Let only one publish of a site run at a time (a "concurrency" group), then run this one again.',
                });
            }
        },
        upload: (upload) => (upload.size > multipartThreshold ? uploadParts(upload) : uploadWhole(upload)),
        async copy({ from, to, etag, headers }) {
            const { CopyObjectResult } = await client.send(new client_s3_dist_cjs/* CopyObjectCommand */.s9Z({
                Bucket: bucket,
                Key: to,
                CopySource: [bucket, ...from.split('/')].map(encodeURIComponent).join('/'),
                ...(etag === undefined ? {} : { CopySourceIfMatch: `"${etag}"` }),
                ...(headers === undefined
                    ? {}
                    : {
                        MetadataDirective: 'REPLACE',
                        ContentType: headers.contentType,
                        CacheControl: headers.cacheControl,
                    }),
            }));
            return bare(CopyObjectResult?.ETag);
        },
        async remove(keys) {
            const failures = [];
            for (let start = 0; start < keys.length; start += 1000) {
                const Objects = keys.slice(start, start + 1000).map((Key) => ({ Key }));
                const { Errors = [] } = await client.send(new client_s3_dist_cjs/* DeleteObjectsCommand */.xvx({ Bucket: bucket, Delete: { Objects, Quiet: true } }));
                for (const { Key = '', Code = 'Unknown', Message = '' } of Errors) {
                    failures.push({ key: Key, reason: `${Code}: ${Message}` });
                }
            }
            return failures;
        },
    };
}
function guard(expected) {
    if (expected === 'anything')
        return {};
    return expected === 'nothing' ? { IfNoneMatch: '*' } : { IfMatch: `"${expected.etag}"` };
}
function bare(etag) {
    return (etag ?? '').replaceAll('"', '');
}
/** S3 encodes keys as in a form: a space is `+`. */
function decodeKey(key) {
    return decodeURIComponent(key.replaceAll('+', '%20'));
}
/** The SDK cannot send a stream twice; here every attempt opens the file anew. */
async function retried(send) {
    for (let attempt = 1;; attempt += 1) {
        try {
            return await send();
        }
        catch (error) {
            const again = (0,wait/* isNoNews */.R)(error) || (0,errors/* isAwsError */.m_)(error, 'RequestTimeout');
            if (!again || attempt === attempts)
                throw error;
            await (0,promises_.setTimeout)(Math.random() * Math.min(20_000, 100 * 2 ** attempt));
        }
    }
}

;// CONCATENATED MODULE: ./actions/invalidate-cdn/src/ports.ts




function connectPorts(inputs, io) {
    const config = sdkConfig(inputs, io);
    const { record } = inputs;
    return {
        cdn: cdn(config),
        store: record === undefined ? undefined : objectStore(config, record.bucket),
        clock: systemClock,
        progress: io.progress,
        signal: io.signal,
    };
}


/***/ })

};
