import { runAction, runPost } from '../../../shared/action/run.ts';
import { configState } from './config-state.ts';
import { dockerOf, probeBuilder } from './docker.ts';
import { lookAt, readText } from './look-at.ts';
import { parseInputs } from './inputs.ts';

/** The runner starts this file twice: for the step, and with the step's saved state for `post`. */
const isPost = (process.env['STATE_post'] ?? '') !== '';

await (isPost
  ? runPost(async ({ state }) => {
      const { rm } = await import('node:fs/promises');
      const directory = state.get(configState);
      if (directory !== '') await rm(directory, { recursive: true, force: true });
    })
  : runAction(async (io) => {
      io.state.save('post', 'true');
      const inputs = parseInputs(io.read, io.context, { lookAt, readText });
      // Docker takes its time to tell what it is: the rest, with Amazon's SDK, is loaded meanwhile.
      const [builder, { run }] = await Promise.all([probeBuilder(dockerOf(io.commands)), import('./run.ts')]);
      return run({ inputs, builder }, io);
    }));
