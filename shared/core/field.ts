/** A property of whatever it may be; undefined where there is none. */
export function field(value: unknown, name: string): unknown {
  const fields: Readonly<Record<string, unknown>> = typeof value === 'object' && value !== null ? { ...value } : {};
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}
