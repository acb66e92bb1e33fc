import { s3Store } from '../../src/drivers/s3/s3.js';
import { limited } from '../../src/store/limit.js';
import { observed, StoreCounts } from '../../src/store/observe.js';
import { prefixed } from '../../src/store/prefix.js';
import { retrying } from '../../src/store/retry.js';
import { settling } from '../../src/store/settle.js';
import type { Store } from '../../src/store/store.js';
import { freshBucket, rigServer } from '../rig/rig-server.js';
import { passingOn, waivedOn } from './server-differences.js';
import { type Made, storeSuite } from './store-suite.js';

function onRig(wire: 'lean' | 'sdk', wrap: (inner: Store) => Store = (inner) => inner): () => Promise<Made> {
  return async () => {
    const { endpoint, region, credentials } = rigServer();
    const bucket = await freshBucket();
    const open = () => wrap(s3Store({ bucket, endpoint, region, credentials, wire, pathStyle: true }));
    const store = open();
    const peer = open();
    return { store, peer, cleanup: async () => void (await Promise.all([store.close(), peer.close()])) };
  };
}

const skip = waivedOn(rigServer());
const passing = passingOn(rigServer());
storeSuite({ name: `s3 lean on ${rigServer().name}`, make: onRig('lean'), skip, passing });
storeSuite({ name: `s3 sdk on ${rigServer().name}`, make: onRig('sdk'), skip, passing });
storeSuite({
  name: `the whole stack over s3 lean on ${rigServer().name}`,
  make: onRig('lean', (inner) =>
    prefixed(
      observed(settling(retrying(limited(inner, { concurrency: 64 }))), { counts: new StoreCounts() }),
      'some/folder/',
    ),
  ),
  skip,
  passing,
});
