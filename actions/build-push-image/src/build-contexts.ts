import { parseImageRef } from '../../../shared/core/image-ref.ts';
import type { Parser } from '../../../shared/core/parsers.ts';

/** What stands for a name of the Dockerfile: `docker buildx build --build-context name=…`. */
export type BuildContext =
  { readonly kind: 'directory'; readonly path: string } | { readonly kind: 'image'; readonly reference: string };

/** The image of no content. BuildKit never looks for a context of this name, nor for one that is called `context`. */
export const emptyImage = 'scratch';
const imagePrefix = 'docker-image://';

/**
 * The name as BuildKit compares it: `python`, `python:latest` and `docker.io/library/python` are one. Undefined when it is none.
 */
export function contextName(text: string): string | undefined {
  const ref = parseImageRef(text);
  // An id of 64 digits is no name to docker.
  if (ref === undefined || /^[0-9a-f]{64}$/.test(text)) return undefined;
  const { registry, repository, tag, digest } = ref;
  const isHub = registry === undefined || registry === 'docker.io' || registry === 'index.docker.io';
  const name = isHub ? repository.replace(/^library\/(?=[^/]+$)/, '') : `${registry}/${repository}`;
  return `${name}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`.replace(
    /:latest$/,
    '',
  );
}

export const contextNames: Parser<string> = {
  accepted:
    'a name in lower case as after FROM or --from=, e.g. "assets" or "python:3.11-slim"; not "scratch", not "context"',
  parse: (text) => {
    const name = contextName(text);
    return name === undefined || name === emptyImage || name === 'context' ? undefined : text;
  },
};

export const contextValues: Parser<string> = {
  accepted:
    'a directory of the runner, or "docker-image://" with the name of an image (no URL, no git repository, no "oci-layout://", no "target:")',
  parse: (text) => {
    if (text.startsWith(imagePrefix)) return isImage(text.slice(imagePrefix.length)) ? text : undefined;
    const isElsewhere = /^[a-z][a-z0-9+.-]*:\/\/|^git@|^target:/i.test(text);
    return isElsewhere || !/^[^\p{Cc}]{1,4096}$/u.test(text) || text.trim() === '' ? undefined : text;
  },
};

function isImage(text: string): boolean {
  return text === emptyImage || contextName(text) !== undefined;
}

export function toBuildContext(value: string): BuildContext {
  return value.startsWith(imagePrefix)
    ? { kind: 'image', reference: value.slice(imagePrefix.length) }
    : { kind: 'directory', path: value };
}

/** The value of docker's flag; a path that can be mistaken for nothing else (`github.com/x/y` is a repository to docker). */
export function contextFlag(name: string, context: BuildContext): string {
  if (context.kind === 'image') return `${name}=${imagePrefix}${context.reference}`;
  return `${name}=${/^\.{0,2}\//.test(context.path) ? context.path : `./${context.path}`}`;
}
