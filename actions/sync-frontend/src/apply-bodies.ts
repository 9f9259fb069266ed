import type { ObjectStore } from '../../../shared/aws/s3.ts';
import { ActionError } from '../../../shared/core/errors.ts';
import { sha256 } from '../../../shared/core/hash.ts';
import { parsePack, serializePack, type Bodies, type SiteState } from '../../../shared/core/release.ts';
import type { Body, Recording } from './plan-bodies.ts';
import type { SourceTree } from './source-tree.ts';

export interface BodyPorts {
  readonly store: ObjectStore;
  readonly tree: Pick<SourceTree, 'read'>;
}

/** Contents on record, below `.releases/`. */
export class RecordedBodies {
  readonly #ports: BodyPorts;
  readonly #prefix: string;
  readonly #packs = new Map<string, Promise<Bodies>>();

  constructor(ports: BodyPorts, prefix: string) {
    this.#ports = ports;
    this.#prefix = prefix;
  }

  async content({ from, sha256: hash }: Body): Promise<Uint8Array> {
    const content = 'content' in from ? from.content : (await this.#pack(from.pack)).get(hash);
    const bytes = Buffer.from(content ?? '', 'base64');
    if (content !== undefined && sha256(bytes) === hash) return bytes;
    throw new ActionError('ContentLost', 'the record of contents in the bucket does not hold what it should', {
      fault: 'cloud',
      hint: 'Check out the commit of that release, build it and publish it.',
    });
  }

  /** Each is read once. */
  #pack(path: string): Promise<Bodies> {
    const known = this.#packs.get(path);
    if (known !== undefined) return known;
    const pack = this.#ports.store.read(this.#prefix + path).then((found) => parsePack(found?.text ?? ''));
    this.#packs.set(path, pack);
    return pack;
  }

  /** The state with the new contents. A file that is no longer as it was hashed is left out: it will be put aside when it is overwritten. */
  async record(state: SiteState, { local, pack }: Recording): Promise<SiteState> {
    const { store, tree } = this.#ports;
    const bodies = new Map(state.bodies);
    for (const { file, size, sha256: hash } of local) {
      const content = await tree.read(file, size);
      if (content !== undefined && sha256(content) === hash) bodies.set(hash, Buffer.from(content).toString('base64'));
    }
    if (pack === undefined || bodies.size === 0) return { ...state, bodies };
    const content = Buffer.from(serializePack(bodies));
    const etag = await store.put({
      key: this.#prefix + pack,
      content,
      sha256: sha256(content),
      headers: { contentType: 'text/plain', cacheControl: 'no-store' },
    });
    const packs = [...state.packs, { path: pack, etag, contents: new Set(bodies.keys()) }];
    return { ...state, bodies: new Map(), packs };
  }
}
