import { AssumeRoleWithWebIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { roles, type Role } from './model.ts';
import { region, repository, tokenOf, type Place } from './place.ts';

/** The same repository as GitHub's tokens named it before repositories had numbers in them. */
export const oldRepository = 'repo:your-org/analytics-studio';

export interface Presented {
  readonly who: string;
  readonly subject: string;
  readonly audience?: string;
  /** The roles that trust it. */
  readonly trustedBy: readonly Role[];
}

const formats = { new: repository, old: oldRepository } as const;

/** Tokens that are presented to each role; `other`: the account's roles trust the old format as well. */
export function presented({ other }: { readonly other: boolean }): readonly Presented[] {
  const nobody: readonly Role[] = [];
  return [
    ...Object.entries(formats).flatMap(([format, repo]): readonly Presented[] => {
      const known = other || format === 'new';
      return [
        {
          who: `a job of the environment, ${format} format`,
          subject: `${repo}:environment:production`,
          trustedBy: known ? roles : nobody,
        },
        {
          who: `a pull request, ${format} format`,
          subject: `${repo}:pull_request`,
          trustedBy: known ? ['plan'] : nobody,
        },
        {
          who: `a job of another environment, ${format} format`,
          subject: `${repo}:environment:staging`,
          trustedBy: nobody,
        },
        {
          who: `a job of an environment whose name only begins like it, ${format} format`,
          subject: `${repo}:environment:production-2`,
          trustedBy: nobody,
        },
        {
          who: `a job without an environment, ${format} format`,
          subject: `${repo}:ref:refs/heads/main`,
          trustedBy: nobody,
        },
        { who: `a job of a tag, ${format} format`, subject: `${repo}:ref:refs/tags/v1`, trustedBy: nobody },
        {
          who: `a job for another audience, ${format} format`,
          subject: `${repo}:environment:production`,
          audience: 'https://github.com/your-org',
          trustedBy: nobody,
        },
      ];
    }),
    {
      who: 'another repository of the owner',
      subject: 'repo:your-org@1234/analytics-studio-2@5679:environment:production',
      trustedBy: nobody,
    },
    {
      who: 'another repository of the owner, old format',
      subject: 'repo:your-org/analytics-studio-2:environment:production',
      trustedBy: nobody,
    },
    { who: 'a fork', subject: 'repo:mallory@666/analytics-studio@667:environment:production', trustedBy: nobody },
    { who: 'a fork’s pull request', subject: 'repo:mallory@666/analytics-studio@667:pull_request', trustedBy: nobody },
    {
      who: 'whoever took over the names after they became free',
      subject: 'repo:your-org@9999/analytics-studio@8888:environment:production',
      trustedBy: nobody,
    },
    { who: 'the subject of everything', subject: 'repo:*', trustedBy: nobody },
    {
      who: 'a subject in other letters',
      subject: `${repository.toUpperCase()}:environment:production`,
      trustedBy: nobody,
    },
    { who: 'nobody in particular', subject: '', trustedBy: nobody },
  ];
}

/** The roles that really let it in. */
export async function trustedBy(place: Place, { subject, audience }: Presented): Promise<readonly Role[]> {
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const sts = new STSClient({ endpoint: place.emulator.endpoint, region, credentials, maxAttempts: 1 });
  const admitted: Role[] = [];
  for (const role of roles) {
    try {
      await sts.send(
        new AssumeRoleWithWebIdentityCommand({
          RoleArn: place.roleArn(role),
          RoleSessionName: 'trust',
          WebIdentityToken: tokenOf(subject, audience),
        }),
      );
      admitted.push(role);
    } catch (error) {
      if ((error as Error).name !== 'AccessDenied') throw error;
    }
  }
  return admitted;
}
