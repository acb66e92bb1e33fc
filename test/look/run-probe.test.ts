import { describe, expect, it } from 'vitest';
import { runProbe } from '../../src/look/run-probe.js';
import { folderWith } from '../rig/cli.js';

const look = (command: string | string[], folder = folderWith()) => runProbe('p', command, folder);

describe('a probe', () => {
  it('says by its exit code what is there, and anything else is unknown', async () => {
    expect(await look('exit 0')).toMatchObject({ state: 'present' });
    expect(await look('exit 10')).toMatchObject({ state: 'absent' });
    expect(await look('exit 1')).toMatchObject({ state: 'unknown' });
    expect(await look('kill -KILL $$')).toMatchObject({ state: 'unknown' });
  });

  it('that cannot be started is unknown, also where the system refuses it at once', async () => {
    const why = expect.stringContaining('cannot be started (');
    expect(await look(['no-such-program-here'])).toMatchObject({ state: 'unknown', why });
    expect(await look(['echo', 'x'.repeat(3_000_000)])).toMatchObject({ state: 'unknown', why });
  });
});
