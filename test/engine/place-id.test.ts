import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parseLocation } from '../../src/core/location.js';
import { placeId } from '../../src/engine/place-id.js';
import { folderWith } from '../rig/cli.js';

it('a place that cannot be asked has no name, and that is a doubt of the store', () => {
  const folder = folderWith({ '.stepaside/x': '' });
  symlinkSync('round', join(folder, 'round'));
  const naming = { stores: {}, folder, cacheFolder: join(folder, '.stepaside') };
  expect(placeId(parseLocation('out/'), naming)).toBe('cache:../out/');
  expect(() => placeId(parseLocation('round/out'), naming)).toThrow(
    expect.objectContaining({ code: 'store/unavailable', message: expect.stringContaining('ELOOP') }),
  );
});
