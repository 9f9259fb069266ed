import { createRequire } from 'node:module';

/**
 * AWS's own validator on templates, in a process of its own: its WebAssembly keeps memory for good, and a test runner's module
 * loader knows no such packages. Arguments: the package's folder, and what to look at as JSON. Prints what it found as JSON.
 */
export interface Validation {
  readonly file: string;
  readonly parameters: Readonly<Record<string, string>>;
}

export interface Finding {
  readonly file: string;
  readonly rule: string;
  readonly resource: string;
  readonly message: string;
}

interface Validator {
  readonly TemplateFile: new (path: string) => object;
  readonly CelEngine: new (options: object) => {
    validateStandard(
      template: object,
      options: object,
    ): {
      readonly status: string;
      readonly diagnostics: readonly {
        readonly ruleId: string;
        readonly message: string;
        readonly entity?: { readonly logicalId?: string };
      }[];
    };
    free(): void;
  };
}

function validate(folder: string, validations: readonly Validation[]): readonly Finding[] {
  const { CelEngine, TemplateFile } = createRequire(import.meta.url)(folder) as Validator;
  const engine = new CelEngine({});
  try {
    return validations.flatMap(({ file, parameters }) => {
      const { status, diagnostics } = engine.validateStandard(new TemplateFile(file), {
        severityLevel: 'ERROR',
        parameterOverrides: parameters,
        pseudoParameterOverrides: { accountId: '123456789012', region: 'us-east-1', partition: 'aws' },
      });
      const found = diagnostics.map(({ ruleId, message, entity }) => ({
        file,
        rule: ruleId,
        resource: entity?.logicalId ?? '',
        message,
      }));
      return status === 'OK'
        ? found
        : [...found, { file, rule: status, resource: '', message: 'not looked at as a whole' }];
    });
  } finally {
    engine.free();
  }
}

const [, script = '', folder = '', request = '[]'] = process.argv;
if (script === import.meta.filename) {
  process.stdout.write(JSON.stringify(validate(folder, JSON.parse(request) as readonly Validation[])));
}
