import type { GlobalCaller } from './global-call.ts';

export interface OidcProviders {
  /** ARNs of the account's OIDC providers. */
  list(): Promise<readonly string[]>;
}

/** https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListOpenIDConnectProviders.html */
export function oidcProviders(call: GlobalCaller): OidcProviders {
  return {
    async list() {
      const text = await call({
        service: 'IAM',
        operation: 'ListOpenIDConnectProviders',
        method: 'POST',
        path: '/',
        body: 'Action=ListOpenIDConnectProviders&Version=2010-05-08',
      });
      return [...text.matchAll(/<Arn>([^<]+)<\/Arn>/g)].map(([, arn = '']) => arn);
    },
  };
}
