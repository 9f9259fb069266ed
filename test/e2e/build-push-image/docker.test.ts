import { dockerPrograms } from '../../kit/dockerd.ts';
import { describeWith } from '../../kit/describe-with.ts';
import { stories } from './stories.ts';

describeWith(await dockerPrograms(), 'build-push-image with a docker that has no buildx', () => stories('docker'));
