import { parseImageRef } from '../../../shared/core/image-ref.ts';
import { ActionError, PreconditionError } from '../../../shared/core/errors.ts';
import { failed, stream, type Shell } from './building.ts';
import { inspectImage } from './docker.ts';
import { sourceTagPrefix } from './inputs.ts';

/** Takes the one image of an archive into the daemon and returns its id. */
export async function loadArchive(archive: string, hash: string, shell: Omit<Shell, 'env'>): Promise<string> {
  const loaded = await stream(
    `Loading ${archive}`,
    { args: ['load', '--input', archive], env: {} },
    { ...shell, env: {} },
  );
  if (!loaded.ok) {
    throw failed('ArchiveUnreadable', `docker could not load the archive ${JSON.stringify(archive)}`, loaded);
  }
  const names = loadedImages(loaded.lines);
  requireSource(archive, names, hash);
  const ids = new Set<string>();
  for (const name of names) {
    const image = await inspectImage(shell.docker, name);
    if (image === undefined) {
      throw new ActionError(
        'ArchiveUnreadable',
        `docker says it loaded ${JSON.stringify(name)}, and does not have it.`,
      );
    }
    ids.add(image.id);
  }
  const [id, ...others] = ids;
  if (id === undefined || others.length > 0) {
    const held = ids.size === 0 ? 'none that docker names' : `${ids.size}: ${names.join(', ')}`;
    throw new PreconditionError(
      'ArchiveAmbiguous',
      `The archive ${JSON.stringify(archive)} must hold exactly one image; it holds ${held}.`,
    );
  }
  return id;
}

/** What `docker load` says it loaded, by name or, for an image without one, by id. An image of several names is there under each. */
export function loadedImages(lines: readonly string[]): readonly string[] {
  return lines.flatMap((line) => {
    const [, isId, name = ''] = /^Loaded image( ID)?: (\S+)\s*$/.exec(line) ?? [];
    if (isId === undefined) return parseImageRef(name) === undefined ? [] : [name];
    return /^sha256:[0-9a-f]{64}$/.test(name) ? [name] : [];
  });
}

/**
 * "mode: archive" names the image by its source's hash. One of another source, pushed as this one, would be handed out for this
 * source ever after. An archive of other making has no such name, and is taken at the caller's word.
 */
function requireSource(archive: string, names: readonly string[], hash: string): void {
  const hashes = names.flatMap((name) => {
    const tag = parseImageRef(name)?.tag ?? '';
    return new RegExp(`^${sourceTagPrefix}[0-9a-f]{64}$`).test(tag) ? [tag.slice(sourceTagPrefix.length)] : [];
  });
  if (hashes.length === 0 || hashes.includes(hash)) return;
  throw new PreconditionError(
    'ArchiveStale',
    `The image in ${JSON.stringify(archive)} was built from the source ${hashes.join(', ')}; the source here is ${hash}.`,
    {
      hint: 'Build the archive anew: a base image moved meanwhile, or the two jobs do not have the same commit, inputs and kind of builder.',
    },
  );
}
