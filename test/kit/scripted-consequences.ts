import type { Change, ChangedProperty, Wire } from './scripted-cloudformation-model.ts';

type Wanted = Readonly<Record<string, { readonly Type: string; readonly Properties: Wire }>>;

/**
 * A change set also lists what uses something of what changes: an attribute of any of them, as AWS does not know beforehand whether
 * it will be another one (`Dynamic`), and the name of one that is made anew. It goes on from there.
 */
export function withConsequences(changes: readonly Change[], wanted: Wanted): readonly Change[] {
  const found = new Map(changes.map((change) => [change.id, change]));
  for (let grew = true; grew;) {
    grew = false;
    for (const [id, { Type, Properties }] of Object.entries(wanted)) {
      const known = found.get(id);
      if (known !== undefined && known.action !== 'Modify') continue;
      const fresh = Object.entries(Properties).flatMap(([name, value]): readonly ChangedProperty[] => {
        if (known?.properties.some((property) => property.name === name) === true) return [];
        const cause = causeOf(JSON.stringify(value), id, found);
        return cause === undefined ? [] : [{ name, after: '{{changeSet:KNOWN_AFTER_APPLY}}', cause }];
      });
      if (fresh.length === 0) continue;
      grew = true;
      const base: Change = known ?? { action: 'Modify', id, type: Type, replacement: 'False', properties: [] };
      found.set(id, { ...base, properties: [...base.properties, ...fresh] });
    }
  }
  return [...found.values()];
}

function causeOf(text: string, own: string, changes: ReadonlyMap<string, Change>): string | undefined {
  for (const { id, action, replacement } of changes.values()) {
    if (id === own || action !== 'Modify') continue;
    const [attribute] = new RegExp(`(?<=<)${id}\\.[\\w.]+(?=>)`).exec(text) ?? [];
    if (attribute !== undefined) return attribute;
    if (replacement !== 'False' && text.includes(`<${id}>`)) return id;
  }
  return undefined;
}
