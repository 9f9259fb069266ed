import { expect, test } from '@jest/globals';
import { mountedSecrets } from '../../../actions/build-push-image/src/secret-mounts.ts';

const ids = (lines: readonly string[], target?: string) =>
  mountedSecrets(lines.join('\n'), target).map(({ id, line }) => `${line} ${id}`);
const run = (mount: string) => `RUN --mount=${mount} true`;

test.each([
  ['type=secret,id=npm', ['2 npm']],
  ['id=npm,type=secret,target=/srv/.npmrc', ['2 npm']],
  ['TYPE=secret,ID=npm', ['2 npm']],
  ['type=secret,target=/run/secrets/npm', ['2 npm']],
  ['type=secret,dst=/run/secrets/npm', ['2 npm']],
  ['type=secret,source=npm,id=other,target=/srv/.npmrc', ['2 npm']],
  ['type=secret,src=npm,env=TOKEN', ['2 npm']],
  // These say themselves whether it must be there.
  ['type=secret,id=npm,required', []],
  ['type=secret,id=npm,required=true', []],
  ['type=secret,id=npm,required=false', []],
  ['type=secret,id=$NPM', []],
  ['type=secret', []],
  ['type=ssh,id=npm', []],
  ['type=cache,id=npm,target=/c', []],
])('%s', (mount, found) => expect(ids(['FROM scratch', run(mount)])).toEqual(found));

test('in RUN alone, as flags, and not put off', () => {
  const lines = [
    'FROM scratch',
    'COPY --mount=type=secret,id=copy a b',
    'RUN true --mount=type=secret,id=text',
    'ONBUILD RUN --mount=type=secret,id=later true',
    'RUN <<EOF',
    run('type=secret,id=heredoc'),
    'EOF',
    'RUN --network=none \\',
    '  --mount=type=secret,id=second \\',
    '  --mount=type=secret,id=third true',
    run('type=secret,id=second'),
  ];
  expect(ids(lines)).toEqual(['8 second', '8 third']);
});

test('of a stage that many ways lead to, once and in no time', () => {
  const lines = Array.from({ length: 60 }, (_, index) =>
    index === 0
      ? ['FROM scratch', run('type=secret,id=a')]
      : [`FROM scratch`, `COPY --from=${index - 1} /a /a`, `COPY --from=${Math.max(0, index - 2)} /b /b`],
  );
  expect(ids(lines.flat())).toEqual(['2 a']);
});

test('of the stages that are built', () => {
  const lines = [
    'FROM scratch AS Base',
    run('type=secret,id=base'),
    'FROM base AS tools',
    run('type=secret,id=tools'),
    'FROM scratch AS unused',
    run('type=secret,id=unused'),
    'FROM scratch AS bound',
    run('type=secret,id=bound'),
    'FROM scratch AS app',
    'COPY --from=1 /a /a',
    run('type=secret,id=app'),
    'RUN --mount=from=bound,target=/b true',
    'FROM scratch AS later',
    run('type=secret,id=later'),
    'COPY --from=$WHAT --from=99 /a /a',
  ];
  expect(ids(lines, 'APP')).toEqual(['2 base', '4 tools', '8 bound', '11 app']);
  expect(ids(lines, '2')).toEqual(['6 unused']);
  expect(ids(lines)).toEqual(['14 later']);
  expect(ids(lines, 'gone')).toEqual([]);
  // A stage that starts from an image of its own name.
  expect(ids(['FROM app AS app', run('type=secret,id=a')])).toEqual(['2 a']);
  // A stage that comes later is none yet: this is an image.
  const later = ['FROM scratch AS app', 'COPY --from=later /a /a', 'FROM scratch AS later', run('type=secret,id=a')];
  expect(ids(later, 'app')).toEqual([]);
  expect(ids(['ARG A', run('type=secret,id=early')])).toEqual([]);
});
