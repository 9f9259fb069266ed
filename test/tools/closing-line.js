/** A jest reporter: one plain line at the very end, and the reason of every skipped case. */
export default class ClosingLine {
  onRunComplete(
    _,
    { numPassedTests, numFailedTests, numRuntimeErrorTestSuites, numPendingTests, numTodoTests, testResults },
  ) {
    for (const { testResults: tests } of testResults) {
      for (const { status, fullName } of tests)
        if (status === 'pending' || status === 'todo') console.log(`skipped: ${fullName}`);
    }
    const skipped = numPendingTests + numTodoTests;
    console.log(
      `${numPassedTests} passed, ${numFailedTests + numRuntimeErrorTestSuites} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`,
    );
  }
}
