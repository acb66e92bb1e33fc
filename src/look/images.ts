import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { registryDigest } from './registry.js';

/** What runs containers on this machine. */
export function containerEngine(path = ''): 'docker' | 'podman' | undefined {
  return (['docker', 'podman'] as const).find((name) =>
    path.split(delimiter).some((at) => at !== '' && existsSync(join(at, name))),
  );
}

const LOOK_MS = 10_000;
/** Asked once: what is pulled while we run must not look like an input that changed. */
const known = new Map<string, Promise<string | undefined>>();

/**
 * The digest behind an image's tag: of the image that this machine has, since that is what runs here, else as the
 * registry tells it. A tag alone may stand for another image tomorrow; it enters the key as it is written where nobody
 * knows more.
 */
export function imageDigest(image: string, path = process.env['PATH']): Promise<string | undefined> {
  if (image.includes('@')) return Promise.resolve(undefined);
  let digest = known.get(image);
  if (!digest) {
    digest = inspect(image, containerEngine(path)).then((here) => here ?? elsewhere(image));
    known.set(image, digest);
  }
  return digest;
}

function elsewhere(image: string): Promise<string | undefined> {
  return process.env['STEPASIDE_REGISTRIES'] === 'off' ? Promise.resolve(undefined) : registryDigest(image);
}

async function inspect(image: string, engine: string | undefined): Promise<string | undefined> {
  if (engine === undefined) return undefined;
  try {
    const words = ['image', 'inspect', '--format', '{{json .RepoDigests}}', image];
    const { execFile } = await import('node:child_process');
    const { stdout } = await promisify(execFile)(engine, words, { timeout: LOOK_MS });
    const digests = JSON.parse(stdout) as readonly string[] | null;
    // Images that were built here and never pushed have none: then the tag is all there is.
    return digests?.map((name) => name.slice(name.indexOf('@') + 1)).sort()[0];
  } catch {
    return undefined;
  }
}
