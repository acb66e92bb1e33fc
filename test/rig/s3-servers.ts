import { startDocker } from './docker.js';
import { startGiven } from './given.js';
import { startRadosgw } from './radosgw.js';
import { NotHere, type S3Server } from './s3-server.js';
import { startVersitygw } from './versitygw.js';

/** In the order in which the rig tries them. */
export const servers: Readonly<Record<string, () => Promise<S3Server>>> = {
  given: startGiven,
  docker: startDocker,
  versitygw: startVersitygw,
  radosgw: startRadosgw,
};

/** The first server that can be had; STEPASIDE_TEST_SERVER names one and only that. Never none: a run without fails. */
export async function startS3Server(): Promise<S3Server> {
  const forced = process.env['STEPASIDE_TEST_SERVER'] ?? '';
  if (forced !== '' && servers[forced] === undefined)
    throw new Error(`STEPASIDE_TEST_SERVER=${forced}: known are ${Object.keys(servers).join(', ')}`);
  const reasons: string[] = [];
  for (const [name, start] of Object.entries(servers)) {
    if (forced !== '' && name !== forced) continue;
    try {
      return await start();
    } catch (error) {
      // A server that is here and does not start is a fault to see, not a reason to try the next one.
      if (!(error instanceof NotHere)) throw error;
      reasons.push(`  ${name}: ${error.message}`);
    }
  }
  throw new Error(
    [
      'The tests need a real S3 server, and none can be had here:',
      ...reasons,
      'Any one of these will do:',
      '  STEPASIDE_TEST_S3=http://host:port (with STEPASIDE_TEST_S3_ACCESS_KEY and STEPASIDE_TEST_S3_SECRET_KEY)',
      '  a Docker daemon (docker compose up is not needed: the rig starts its own container)',
      '  go install github.com/versity/versitygw/cmd/versitygw@v1.8.0, and $(go env GOPATH)/bin on PATH',
      '  apt-get install --no-install-recommends radosgw ceph-mon ceph-osd ceph-common (done for you when root on Debian)',
    ].join('\n'),
  );
}
