import tseslint from 'typescript-eslint';

/** The import table of ARCHITECTURE.md, as a rule. */
const sdk = { group: ['@aws-sdk/*', '@smithy/*'], message: 'only shared/aws talks to the AWS SDK' };
const toolkit = { group: ['@actions/*'], message: 'only shared/action talks to the runner' };
const actions = { group: ['**/actions/*', '**/actions/**'], message: 'shared never imports an action' };
const otherActions = {
  regex: String.raw`\.\./.*\b(?:build-push-image|deploy-ecs|sync-frontend|invalidate-cdn|provision-env)/`,
  message: 'actions never import each other',
};
const ports = {
  regex: String.raw`/shared/(?:action/|aws/(?!wait\.ts$))`,
  allowTypeImports: true,
  message: 'only index.ts, ports.ts and inputs.ts know more of the outside than its types',
};
const outside = {
  regex: String.raw`(?:/shared|\.\.)/(?:action|aws)/`,
  allowTypeImports: true,
  message: 'plan, report and shared/core are pure: types only',
};
const effectfulSiblings = {
  regex: String.raw`^\./(?:apply|apply-bodies|observe|ports|run|sync|watch|follow|run-before|rollback|context-files|context-tree|docker-config|heap|look-at|source-tree|templates)\.ts$`,
  allowTypeImports: true,
  message: 'plan and report decide and describe; they do nothing',
};
const effects = {
  regex: String.raw`^(?:node:)?(?:fs|fs/promises|child_process|process|net|dns|tls|http|https|http2|os|timers|timers/promises|worker_threads|vm)$`,
  message: 'pure code reads no outside world',
};
const restrict = (...patterns) => ({
  '@typescript-eslint/no-restricted-imports': ['error', { patterns }],
});
/** A lazy import would get round the table; only compositions load their parts lazily. */
const noLazyImport = { selector: 'ImportExpression', message: 'import statically: the import table is checked there' };
const pure = {
  'no-restricted-globals': [
    'error',
    ...['process', 'globalThis', 'global', 'fetch', 'setTimeout', 'setInterval', 'performance', 'crypto', 'require'],
  ],
  'no-restricted-properties': [
    'error',
    { object: 'Date', property: 'now', message: 'time is a parameter' },
    { object: 'Math', property: 'random', message: 'chance is a parameter' },
  ],
  'no-restricted-syntax': [
    'error',
    { selector: 'NewExpression[callee.name="Date"][arguments.length=0]', message: 'time is a parameter' },
    noLazyImport,
  ],
};
/** Where a port is made of Node's own modules: the disk's side of an action. */
const disk = 'actions/*/src/{context-files,context-tree,docker-config,heap,look-at,source-tree,templates}.ts';

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
  {
    files: ['actions/*/src/**/*.ts'],
    rules: { ...restrict(sdk, toolkit, otherActions, ports, effects), ...pure },
  },
  {
    files: [
      'actions/*/src/{plan,report,judge-image,elf,platforms,preflight,verdict,diagnose,facts,masking,compare,headers,fold,scope,parameters,stacks}.ts',
      'actions/*/src/{plan-*,*-rules}.ts',
    ],
    rules: restrict(sdk, toolkit, otherActions, outside, effects, effectfulSiblings),
  },
  {
    files: [disk, 'actions/*/src/{inputs,ports,index}.ts'],
    rules: {
      ...restrict(sdk, toolkit, otherActions),
      'no-restricted-globals': 'off',
      'no-restricted-properties': 'off',
      'no-restricted-syntax': ['error', noLazyImport],
    },
  },
  { files: ['actions/*/src/{index,sync}.ts'], rules: { 'no-restricted-syntax': 'off' } },
  { files: ['shared/**/*.ts'], rules: restrict(actions) },
  {
    files: ['shared/action/**/*.ts'],
    rules: { ...restrict(actions, sdk), 'no-restricted-syntax': ['error', noLazyImport] },
  },
  // GitHub's API is loaded where it is asked: here.
  { files: ['shared/action/pull-request-comment.ts'], rules: { 'no-restricted-syntax': 'off' } },
  { files: ['shared/aws/**/*.ts'], rules: restrict(actions, toolkit) },
  { files: ['shared/core/**/*.ts'], rules: { ...restrict(actions, sdk, toolkit, outside, effects), ...pure } },
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
