import { errorOf, type Answer } from './scripted-aws.ts';
import { ImagesApi, type EcrHost, type EcrInput } from './scripted-registry-images.ts';
import { Refusal, type Repository } from './scripted-registry-store.ts';

/** ECR's JSON API, as far as an image's way into a repository goes; errors in ECR's own words. */
export class EcrApi {
  readonly #host: EcrHost;
  readonly #images: ImagesApi;

  constructor(host: EcrHost) {
    this.#host = host;
    this.#images = new ImagesApi(host);
  }

  answer(operation: string, input: EcrInput): Answer {
    try {
      return this.#answer(operation, input);
    } catch (error) {
      if (error instanceof Refusal) return errorOf(error.ecr, { message: error.message });
      throw error;
    }
  }

  #answer(operation: string, input: EcrInput): Answer {
    const { store } = this.#host;
    if (operation === 'GetAuthorizationToken') {
      const authorizationToken = Buffer.from(`AWS:${this.#host.issueToken()}`).toString('base64');
      const expiresAt = Date.now() / 1_000 + 12 * 3_600;
      const data = { authorizationToken, expiresAt, proxyEndpoint: this.#host.endpoint() };
      return { authorizationData: [data] };
    }
    if (operation === 'DescribeRepositories') {
      const wanted = input.repositoryNames?.map((name) => store.get(name)) ?? store.all();
      return { repositories: wanted.map((one) => this.#describe(one)) };
    }
    const name = input.repositoryName ?? '';
    if (operation === 'CreateRepository') {
      const settings = {
        ...(input.imageTagMutability === undefined ? {} : { mutability: input.imageTagMutability }),
        exclusions: (input.imageTagMutabilityExclusionFilters ?? []).map(({ filter }) => filter),
        scanOnPush: input.imageScanningConfiguration?.scanOnPush ?? false,
      };
      return { repository: this.#describe(store.create(name, settings, Date.now())) };
    }
    const repository = store.get(name);
    switch (operation) {
      case 'PutLifecyclePolicy':
        repository.lifecyclePolicy = input.lifecyclePolicyText;
        return this.#lifecycle(repository);
      case 'GetLifecyclePolicy':
        return this.#lifecycle(repository);
      default:
        return this.#images.answer(operation, repository, input);
    }
  }

  #describe({ name, settings, createdAt }: Repository): object {
    const { store, region } = this.#host;
    return {
      repositoryArn: `arn:aws:ecr:${region}:${store.accountId}:repository/${name}`,
      registryId: store.accountId,
      repositoryName: name,
      repositoryUri: `${store.accountId}.dkr.ecr.${region}.amazonaws.com/${name}`,
      createdAt: createdAt / 1_000,
      imageTagMutability: settings.mutability,
      ...(settings.mutability.endsWith('_WITH_EXCLUSION') && {
        imageTagMutabilityExclusionFilters: settings.exclusions.map((filter) => ({ filterType: 'WILDCARD', filter })),
      }),
      imageScanningConfiguration: { scanOnPush: settings.scanOnPush },
      encryptionConfiguration: { encryptionType: 'AES256' },
    };
  }

  #lifecycle({ name, lifecyclePolicy }: Repository): Answer {
    const { accountId } = this.#host.store;
    if (lifecyclePolicy === undefined) {
      throw new Refusal(
        `Lifecycle policy does not exist for the repository with name '${name}' in the registry with id '${accountId}'`,
        { ecr: 'LifecyclePolicyNotFoundException', v2: 'UNSUPPORTED' },
      );
    }
    return { registryId: accountId, repositoryName: name, lifecyclePolicyText: lifecyclePolicy };
  }
}
