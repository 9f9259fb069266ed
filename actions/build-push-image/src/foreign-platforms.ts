import type { Builder } from './builder.ts';
import type { Inputs } from './inputs.ts';
import { readDockerfile } from './dockerfile-text.ts';
import { normalPlatform } from './platforms.ts';

/** What is asked for and the builder does not say it can run: all of it is possible but RUN. */
export function foreignPlatforms({ platforms }: Pick<Inputs, 'platforms'>, builder: Builder): readonly string[] {
  const own = new Set(builder.platforms.map(normalPlatform));
  // A builder that is not started yet says nothing.
  return own.size === 0 ? [] : platforms.filter((platform) => !own.has(normalPlatform(platform)));
}

/** What makes a foreign platform possible. */
export const emulationHint =
  'add a step "uses: docker/setup-qemu-action" before this one (and before the builder is made), or run such steps on the builder’s own platform (FROM --platform=$BUILDPLATFORM).';

/** What will most likely fail, told before the build is waited for. */
export function platformWarnings(inputs: Inputs, builder: Builder, dockerfile: string): readonly string[] {
  const foreign = foreignPlatforms(inputs, builder);
  if (foreign.length === 0 || !runsOnTarget(dockerfile)) return [];
  return [
    `The builder runs ${builder.platforms.join(', ')}; for ${foreign.join(', ')} it can run no RUN step: ${emulationHint}`,
  ];
}

/** Does some stage that is not given a platform of its own run anything? */
function runsOnTarget(dockerfile: string): boolean {
  let isTarget = false;
  for (const { name, rest } of readDockerfile(dockerfile).instructions) {
    if (name === 'FROM') isTarget = !/(?:^|\s)--platform=/.test(rest);
    if (name === 'RUN' && isTarget) return true;
  }
  return false;
}
