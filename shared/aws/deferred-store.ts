import type { ObjectStore } from './s3.ts';

/** A store that is connected by its first request: the SDK takes a while to load, and until then there is other work. */
export function deferredStore(connect: () => Promise<ObjectStore>): ObjectStore {
  let store: Promise<ObjectStore> | undefined;
  const connected = (): Promise<ObjectStore> => (store ??= connect());
  return {
    list: async (prefix) => (await connected()).list(prefix),
    read: async (key) => (await connected()).read(key),
    write: async (write) => (await connected()).write(write),
    upload: async (upload) => (await connected()).upload(upload),
    copy: async (copy) => (await connected()).copy(copy),
    remove: async (keys) => (await connected()).remove(keys),
  };
}
