import { prepareDocker, type DockerDaemon } from './docker.ts';
import { prepareImages } from './images.ts';
import { locked } from './lock.ts';
import { paths } from './paths.ts';
import type { Log } from './progress.ts';
import { preparePython } from './python.ts';

/** Everything that has to be there before an emulator starts; what is there already costs nothing. */
export function prepare(log: Log, options: { readonly docker: boolean }): Promise<DockerDaemon | undefined> {
  return locked(paths.prepareLock, async () => {
    const python = preparePython(log);
    try {
      if (!options.docker) return undefined;
      const daemon = await prepareDocker(log);
      await prepareImages(log);
      return daemon;
    } finally {
      await python;
    }
  });
}
