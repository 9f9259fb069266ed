import type { ObjectStore } from './s3.ts';

/** A store that is still being connected: the SDK takes a while to load, and until then there is other work. */
export function deferredStore(connected: Promise<ObjectStore>): ObjectStore {
  // Told to whoever asks first.
  connected.catch(() => undefined);
  return {
    list: async (prefix, expected) => (await connected).list(prefix, expected),
    read: async (key) => (await connected).read(key),
    write: async (write) => (await connected).write(write),
    upload: async (upload) => (await connected).upload(upload),
    put: async (put) => (await connected).put(put),
    copy: async (copy) => (await connected).copy(copy),
    remove: async (keys) => (await connected).remove(keys),
  };
}
