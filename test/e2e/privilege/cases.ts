import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { forEachConcurrently } from '../../../shared/core/pool.ts';
import { startEmulator, type Emulator } from '../../local/emulator.ts';
import { workRoot } from '../../local/paths.ts';
import { prepare } from '../../local/prepare.ts';
import { prepareContainers, removeImages } from './containers.ts';
import { unprovable } from './limits.ts';
import { rightName, roles, type Right, type Role, type Scenario } from './model.ts';
import { askFor, nevers, type Asked } from './never.ts';
import { Place } from './place.ts';
import { policiesOf, rightsOf } from './policies.ts';
import { judge, play, usersOf, type Played, type Verdict } from './proof.ts';
import { assume } from './sessions.ts';
import { backendScenarios } from './scenarios-backend.ts';
import { containerScenarios } from './scenarios-containers.ts';
import { frontendScenarios } from './scenarios-frontend.ts';
import { provisionScenarios } from './scenarios-provision.ts';
import { privilegeReport, totals, type Row } from './table.ts';
import { oldRepository, presented, trustedBy } from './trust.ts';
import { Worlds } from './worlds.ts';

/** Every scenario there is: to prove a new right, add one to its list. */
const scenarios: readonly Scenario[] = [
  ...provisionScenarios,
  ...backendScenarios,
  ...frontendScenarios,
  ...containerScenarios,
];

/** How many go on side by side, in each of the two emulators. */
const inContainers = 3;
const onPaper = 3;

/** The generated roles, each with exactly what it needs: part of the tests that share the machine's Docker daemon. */
export function privilegeCases(): void {
  describe('the generated roles', () => {
    let paper: Emulator;
    let containers: Emulator;
    let standing: Place;
    let account: Place;
    let worlds: Worlds;
    const baseline: Played[] = [];
    const rows: Row[] = [];
    const asked: Asked[] = [];

    beforeAll(async () => {
      await prepare(console.log, { docker: true });
      [paper, containers] = await Promise.all([
        startEmulator({ docker: false, enforceIam: true }),
        startEmulator({ enforceIam: true }),
      ]);
      standing = await Place.bootstrapped({ emulator: paper, account: '900000000001' });
      [account] = await Promise.all([prepareContainers(containers), standing.putUp()]);
      worlds = new Worlds({ paper, containers });
    }, 600_000);

    afterAll(async () => {
      await worlds.close();
      await Promise.all([standing.close(), account.close()]);
      await Promise.all([paper.stop(), containers.stop()]);
      await removeImages(containers);
      if (rows.length === 0) return;
      const played = baseline.map(({ role, scenario, ms }) => [role, scenario.name, ms] as const);
      const report = privilegeReport({ rows, asked, scenarios: played });
      mkdirSync(workRoot, { recursive: true });
      writeFileSync(join(workRoot, 'privilege.md'), report);
      process.stdout.write(`\n${report}\n${totals(rows)}\n(also in .local/privilege.md)\n`);
    }, 60_000);

    /** Works through a list as wide as its worlds are. */
    async function sideBySide<T>(items: readonly T[], isSlow: (item: T) => boolean, work: (item: T) => Promise<void>) {
      await Promise.all([
        forEachConcurrently(items.filter(isSlow), { limit: inContainers }, work),
        forEachConcurrently(
          items.filter((item) => !isSlow(item)),
          { limit: onPaper },
          work,
        ),
      ]);
    }

    test('can do what they are for: every scenario comes out as expected', async () => {
      const all = scenarios.flatMap((scenario) => scenario.roles.map((role) => ({ scenario, role })));
      const isSlow = ({ scenario }: (typeof all)[number]): boolean => scenario.world === 'containers';
      await sideBySide(all, isSlow, async ({ scenario, role }) => {
        baseline.push(await play(scenario, { role, worlds }));
      });
      const wrong = baseline.filter(({ unmet }) => unmet.length > 0);
      expect(wrong.map(({ role, scenario: { name }, unmet, output }) => ({ role, name, unmet, output }))).toEqual([]);
      expect(new Set(scenarios.map(({ name }) => name)).size).toBe(scenarios.length);
    }, 600_000);

    test('have nothing that they do not need: without any one right a scenario breaks', async () => {
      const all = await allRights(standing);
      const isSlow = ({ role, right }: Held): boolean =>
        usersOf(right, role, baseline)[0]?.scenario.world === 'containers';
      await sideBySide(all, isSlow, async ({ role, right }) => {
        rows.push(rowOf({ role, right }, await judge(right, { role, baseline, worlds })));
      });
      rows.sort((a, b) => roles.indexOf(a.role) - roles.indexOf(b.role) || compare(a.right, b.right));
      expect(rows.filter(({ kind }) => kind === 'NOT NEEDED')).toEqual([]);
    }, 600_000);

    test('what is listed as not provable is a right, and none that a scenario proves', async () => {
      const held = (await allRights(standing)).map(({ right }) => rightName(right));
      for (const right of unprovable) expect(held).toContain(rightName(right));
      const proven = rows.filter(({ kind }) => kind === 'proven');
      expect(proven.filter((row) => listed(row) !== undefined)).toEqual([]);
    });

    test('are denied what they must never do', async () => {
      for (const role of roles) {
        const clients = await assume(standing, role);
        for (const never of nevers.filter((one) => one.roles.includes(role))) {
          asked.push(await askFor(never, role, { clients, place: standing }));
        }
      }
      expect(asked.filter(({ answer }) => answer !== 'denied')).toEqual([]);
    }, 120_000);

    test('none of the never-list is denied for want of a name: the same call goes through where it may', async () => {
      const clients = await assume(standing, 'deploy-frontend');
      const bucket = standing.outputs['frontend-bucket'] ?? '';
      const write = { roles, what: 'write the site', action: 's3:PutObject' } as const;
      const ask = ({ s3 }: typeof clients) => s3.send(new PutObjectCommand({ Bucket: bucket, Key: 'x', Body: 'x' }));
      const place = standing;
      expect(await askFor({ ...write, ask }, 'deploy-frontend', { clients, place })).toMatchObject({
        answer: 'ALLOWED',
      });
    });

    describe.each([
      ['in the new format only', false],
      ['in both formats', true],
    ])('trust GitHub’s tokens %s', (_, other) => {
      let place: Place;
      beforeAll(async () => {
        const subject = other ? { OtherGitHubSubject: oldRepository } : {};
        place = await Place.bootstrapped({
          emulator: paper,
          account: other ? '900000000003' : '900000000002',
          parameters: subject,
        });
      });
      afterAll(() => place.close());
      test.each(presented({ other }).map((token) => [token.who, token] as const))('%s', async (_who, token) => {
        expect(await trustedBy(place, token)).toEqual(token.trustedBy);
      });
    });
  });
}

interface Held {
  readonly role: Role;
  readonly right: Right;
}

async function allRights(place: Place): Promise<readonly Held[]> {
  const each = roles.map(async (role) => rightsOf(await policiesOf(place, role)).map((right) => ({ role, right })));
  return (await Promise.all(each)).flat();
}

const compare = (a: Right, b: Right): number => rightName(a).localeCompare(rightName(b));

/** What is said of a right that no scenario proves. */
function listed({ role, right }: Held): Pick<Row, 'kind' | 'how'> | undefined {
  const same = (one: Right): boolean => rightName(one) === rightName(right);
  const limit = unprovable.find((one) => same(one) && (one.roles?.includes(role) ?? true));
  return limit === undefined ? undefined : { kind: 'not provable here', how: limit.why };
}

function rowOf(held: Held, verdict: Verdict): Row {
  if (verdict.kind === 'proven') return { ...held, kind: 'proven', how: `${verdict.by.name}: ${verdict.breaks}` };
  const why = verdict.kind === 'unused' ? 'no scenario asks for it' : verdict.tried.join('; ');
  return { ...held, ...(listed(held) ?? { kind: 'NOT NEEDED', how: why }) };
}
