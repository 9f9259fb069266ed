const shared = {
  testEnvironment: 'node',
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/.local/'],
  modulePathIgnorePatterns: ['<rootDir>/.local/', '<rootDir>/examples/'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2024', parser: { syntax: 'typescript' } }, module: { type: 'es6' } },
    ],
  },
};

/** `npm test -- test/unit` narrows. The emulator is started only for the projects that need it. */
export default {
  projects: [
    { ...shared, displayName: 'unit', testMatch: ['<rootDir>/test/{unit,shell,contract,local}/**/*.test.ts'] },
    {
      ...shared,
      displayName: 'aws',
      testMatch: ['<rootDir>/test/{aws,bundle}/**/*.test.ts'],
      globalSetup: '<rootDir>/test/aws/setup.js',
      globalTeardown: '<rootDir>/test/aws/teardown.js',
    },
    { ...shared, displayName: 'e2e', testMatch: ['<rootDir>/test/e2e/**/*.test.ts'] },
  ],
  testTimeout: 60_000,
  reporters: ['default', '<rootDir>/test/tools/closing-line.js'],
};
