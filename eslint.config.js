import tseslint from 'typescript-eslint';

/** The import table of ARCHITECTURE.md, as a rule. */
const sdk = { group: ['@aws-sdk/*', '@smithy/*'], message: 'only shared/aws talks to the AWS SDK' };
const toolkit = { group: ['@actions/*'], message: 'only shared/action talks to the runner' };
const actions = { group: ['**/actions/*', '**/actions/**'], message: 'shared never imports an action' };
const otherActions = {
  regex: String.raw`^\.\./\.\./(?:build-push-image|deploy-ecs|sync-frontend|invalidate-cdn|provision-env)/`,
  message: 'actions never import each other',
};
const portTypes = {
  group: ['**/shared/aws/*', '**/shared/action/*', '!**/shared/aws/wait.ts'],
  allowTypeImports: true,
  message: 'observe and apply know ports by type only',
};
const outside = {
  group: ['**/shared/aws/*', '**/shared/action/*'],
  allowTypeImports: true,
  message: 'plan, report and shared/core are pure: types only',
};
const effects = {
  group: [
    'node:fs',
    'node:fs/*',
    'node:child_process',
    'node:process',
    'node:net',
    'node:http',
    'node:https',
    'node:timers*',
    'node:os',
  ],
  message: 'pure code reads no outside world',
};
const restrict = (...patterns) => ({
  '@typescript-eslint/no-restricted-imports': ['error', { patterns }],
});
const pureGlobals = {
  'no-restricted-globals': ['error', 'process', 'fetch', 'setTimeout', 'setInterval', 'performance', 'crypto'],
  'no-restricted-properties': [
    'error',
    { object: 'Date', property: 'now', message: 'time is a parameter' },
    { object: 'Math', property: 'random', message: 'chance is a parameter' },
  ],
  'no-restricted-syntax': [
    'error',
    { selector: 'NewExpression[callee.name="Date"][arguments.length=0]', message: 'time is a parameter' },
  ],
};

export default tseslint.config(
  { ignores: ['**/dist/', '.local/', 'examples/', 'node_modules/', 'test/local/stand-ins/'] },
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      eqeqeq: 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/prefer-nullish-coalescing': 'off',
      '@typescript-eslint/consistent-type-assertions': ['error', { assertionStyle: 'never' }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      'max-params': ['error', 3],
    },
  },
  { files: ['actions/*/src/**/*.ts'], rules: restrict(sdk, toolkit, otherActions) },
  {
    files: [
      'actions/*/src/{plan,report}.ts',
      'actions/*/src/{plan,report}-*.ts',
      'actions/*/src/{verdict,diagnose}.ts',
    ],
    rules: { ...restrict(sdk, toolkit, otherActions, outside, effects), ...pureGlobals },
  },
  { files: ['actions/*/src/{observe,apply}.ts'], rules: restrict(sdk, toolkit, otherActions, portTypes, effects) },
  { files: ['shared/**/*.ts'], rules: restrict(actions) },
  { files: ['shared/action/**/*.ts'], rules: restrict(actions, sdk) },
  { files: ['shared/aws/**/*.ts'], rules: restrict(actions, toolkit) },
  {
    files: ['shared/core/**/*.ts'],
    rules: { ...restrict(actions, sdk, toolkit, outside, effects), ...pureGlobals },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/consistent-type-assertions': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/require-await': 'off',
    },
  },
);
