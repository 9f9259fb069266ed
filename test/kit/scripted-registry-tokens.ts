import { randomBytes } from 'node:crypto';
import type { RegistryCall } from './scripted-registry-calls.ts';

/** One use of a token under /v2/. */
export interface TokenUse {
  /** 1 for the first token that was handed out. */
  readonly number: number;
  /** Uses before this one. */
  readonly uses: number;
  readonly call: RegistryCall;
}

/** Passwords that docker logs in with. */
export class Tokens {
  readonly issued: string[] = [];
  /** Asked at each use of a token that did not expire yet. */
  expires: (use: TokenUse) => boolean = () => false;
  readonly #uses: number[] = [];
  readonly #expired = new Set<number>();

  issue(): string {
    const token = randomBytes(96).toString('base64url');
    this.issued.push(token);
    return token;
  }

  judge(authorization: string | undefined, call: RegistryCall): 'good' | 'expired' | 'none' {
    const [, basic = ''] = /^Basic (.+)$/i.exec(authorization ?? '') ?? [];
    const password = Buffer.from(basic, 'base64').toString().replace(/^AWS:/, '');
    const index = this.issued.indexOf(password);
    if (index < 0) return 'none';
    const number = index + 1;
    const uses = this.#uses[index] ?? 0;
    this.#uses[index] = uses + 1;
    if (this.expires({ number, uses, call })) this.#expired.add(number);
    return this.#expired.has(number) ? 'expired' : 'good';
  }
}
