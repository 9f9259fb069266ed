/* eslint-disable @typescript-eslint/no-explicit-any, @typescript-eslint/no-unsafe-argument, @typescript-eslint/no-unsafe-call -- a template has no type; a wrong guess fails the test */
import { parseYaml } from '../../../actions/provision-env/src/template.ts';

/** Somebody else's tree, of which tests name the places they expect. */
export type Tree = any;

const pseudo: Readonly<Record<string, string>> = {
  'AWS::Region': 'us-east-1',
  'AWS::AccountId': '123456789012',
  'AWS::Partition': 'aws',
  'AWS::URLSuffix': 'amazonaws.com',
};
const noValue = Symbol('AWS::NoValue');

/** A parameter that is a list is given as text. */
function listOf(items: unknown): readonly string[] {
  return Array.isArray(items) ? (items as string[]) : String(items).split(',');
}

/**
 * What CloudFormation would make of a template with these parameters: conditions decided, parameters put in. A resource's
 * own name or attribute is left as `<Resource>` or `<Resource.Attribute>`.
 */
export function evaluate(text: string, given: Readonly<Record<string, string>> = {}): Tree {
  return evaluateAll(text, given).resources;
}

/** Outputs as well, by name; those whose condition does not hold are left out. */
export function evaluateAll(
  text: string,
  given: Readonly<Record<string, string>> = {},
): { readonly resources: Tree; readonly outputs: Readonly<Record<string, unknown>> } {
  const template = parseYaml(text) as Tree;
  const parameter = (name: string): unknown => {
    if (name === 'AWS::NoValue') return noValue;
    if (name in pseudo) return pseudo[name];
    const definition = template.Parameters[name];
    return definition === undefined ? `<${name}>` : (given[name] ?? definition.Default ?? `<${name}>`);
  };
  const holds = (name: string): boolean => value(template.Conditions[name]) as boolean;
  const sub = (body: string, own: Readonly<Record<string, unknown>>): string =>
    body.replace(/\$\{([\w:.]+)\}/g, (_, name: string) => String(own[name] ?? parameter(name)));
  const value = (node: Tree): unknown => {
    if (Array.isArray(node)) return node.map(value).filter((item) => item !== noValue);
    if (typeof node !== 'object' || node === null) return node;
    const [[key, inner] = ['', undefined]] = Object.entries(node as Record<string, Tree>);
    switch (Object.keys(node as object).length === 1 ? key : '') {
      case 'Ref':
        return parameter(inner as string);
      case 'Condition':
        if (typeof inner === 'string') return holds(inner);
        break;
      case 'Fn::GetAtt':
        return `<${Array.isArray(inner) ? inner.join('.') : inner}>`;
      case 'Fn::Sub':
        return Array.isArray(inner) ? sub(inner[0], value(inner[1]) as Record<string, unknown>) : sub(inner, {});
      case 'Fn::If':
        return value(inner[holds(inner[0]) ? 1 : 2]);
      case 'Fn::Equals':
        return String(value(inner[0])) === String(value(inner[1]));
      case 'Fn::Not':
        return !value(inner[0]);
      case 'Fn::And':
        return inner.every(value);
      case 'Fn::Or':
        return inner.some(value);
      case 'Fn::Split':
        return String(value(inner[1])).split(inner[0]);
      case 'Fn::Join':
        return listOf(value(inner[1])).join(inner[0]);
      case 'Fn::GetAZs':
        return ['us-east-1a', 'us-east-1b'];
      case 'Fn::Select':
        return (value(inner[1]) as unknown[])[Number(inner[0])];
    }
    return Object.fromEntries(
      Object.entries(node as Record<string, Tree>)
        .map(([name, item]) => [name, value(item)] as const)
        .filter(([, item]) => item !== noValue),
    );
  };
  const resources = Object.entries(template.Resources as Record<string, Tree>)
    .filter(([, { Condition }]) => Condition === undefined || holds(Condition))
    .map(([id, { Properties = {}, ...rest }]) => [id, { ...rest, Properties: value(Properties) }] as const);
  const outputs = Object.entries((template.Outputs ?? {}) as Record<string, Tree>)
    .filter(([, { Condition }]) => Condition === undefined || holds(Condition))
    .map(([name, { Value }]) => [name, value(Value)] as const);
  return { resources: Object.fromEntries(resources), outputs: Object.fromEntries(outputs) };
}
