import { buildTools } from '../../kit/buildkit.ts';
import { describeWith } from '../../kit/describe-with.ts';
import { stories } from './stories.ts';

const tools = await buildTools();
describeWith(tools, 'build-push-image with buildx on the daemon’s own BuildKit', (found) =>
  stories('buildx-docker', found),
);
describeWith(tools, 'build-push-image with buildx and a BuildKit beside the daemon', (found) =>
  stories('buildx-remote', found),
);
