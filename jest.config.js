/** Pure unit tests, shells on fakes, adapters, contract, bundle and the end-to-end run; `npm test -- test/unit` narrows. */
export default {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
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
