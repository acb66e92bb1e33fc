import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { NotHere, type S3Server } from './s3-server.js';
import { sdkMakeBucket } from './sdk.js';

const image = 'versity/versitygw:v1.8.0';
const port = 7070;

/** The same gateway in a container, where a Docker daemon answers. testcontainers' reaper removes it if we are killed. */
export async function startDocker(): Promise<S3Server> {
  const { GenericContainer, Wait, getContainerRuntimeClient } = await import('testcontainers');
  if (!daemonLikely()) throw new NotHere('no Docker daemon: DOCKER_HOST is not set and there is no docker.sock');
  try {
    await getContainerRuntimeClient();
  } catch (error) {
    throw new NotHere(`no Docker daemon answers: ${(error as Error).message}`);
  }
  let served = 0;
  const container = await new GenericContainer(image)
    .withEntrypoint(['/bin/sh', '-c'])
    .withCommand([
      `mkdir -p /rig/data /rig/iam /rig/versions && exec versitygw --quiet --keep-alive --port :${port} ` +
        '--health /health --access-log - --iam-dir /rig/iam posix --versioning-dir /rig/versions /rig/data',
    ])
    .withEnvironment({ ROOT_ACCESS_KEY: 'test', ROOT_SECRET_KEY: 'testsecret' })
    .withExposedPorts(port)
    .withWaitStrategy(Wait.forHttp('/health', port))
    .withLogConsumer((stream) => {
      stream.on('data', (piece: Buffer | string) => {
        // One access-log line a request; each names the S3 action.
        served += piece.toString().split(' s3_').length - 1;
      });
    })
    .start();
  const facts = {
    name: 'docker',
    version: image,
    endpoint: `http://${container.getHost()}:${container.getMappedPort(port)}`,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'testsecret' },
  };
  return {
    ...facts,
    counted: 'served',
    requests: () => served,
    makeBucket: (name, { versioned = false } = {}) => sdkMakeBucket(facts, name, versioned),
    stop: async () => {
      await container.stop();
    },
  };
}

/** Asking testcontainers costs a second and a stack of strategies; a machine without a socket need not pay it. */
function daemonLikely(): boolean {
  const runtime = process.env['XDG_RUNTIME_DIR'];
  return (
    (process.env['DOCKER_HOST'] ?? '') !== '' ||
    ['/var/run/docker.sock', join(homedir(), '.docker/run/docker.sock'), join(homedir(), '.docker/desktop/docker.sock')]
      .concat(runtime === undefined ? [] : [join(runtime, 'docker.sock')])
      .some((path) => existsSync(path))
  );
}
