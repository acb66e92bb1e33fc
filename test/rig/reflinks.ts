import { spawnSync } from 'node:child_process';
import fs, { constants } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { aptInstall, whyNoApt } from './apt.js';
import { findProgram } from './versitygw.js';

const SIZE = 2 ** 30;

export interface ReflinkFolder {
  readonly folder: string;
  remove(): void;
}

/**
 * A folder on a file system that can clone files: where `STEPASIDE_TEST_REFLINKS` says, in the temporary folder if that
 * can, else on an XFS of our own in a file, which only root can mount. A text says why there is none.
 */
export async function reflinkFolder(): Promise<ReflinkFolder | string> {
  const own = fs.mkdtempSync(join(process.env['STEPASIDE_TEST_REFLINKS'] || tmpdir(), 'stepaside-reflinks-'));
  const remove = () => fs.rmSync(own, { recursive: true, force: true });
  if (canClone(own)) return { folder: own, remove };
  const no = (why: string) => {
    remove();
    return `no file system with reflinks: ${tmpdir()} has none, and ${why}; STEPASIDE_TEST_REFLINKS names a folder on one`;
  };
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return no('only root can mount one');
  const why = whyNoApt();
  if (findProgram('mkfs.xfs') === undefined && why === undefined) await aptInstall(['xfsprogs']);
  if (findProgram('mkfs.xfs') === undefined) return no(`mkfs.xfs is missing (apt-get install xfsprogs): ${why}`);
  const [image, folder] = [join(own, 'image'), join(own, 'mounted')];
  fs.mkdirSync(folder);
  fs.writeFileSync(image, '');
  fs.truncateSync(image, SIZE);
  for (const [program, ...words] of [
    ['mkfs.xfs', '-q', '-m', 'reflink=1', image],
    ['mount', '-o', 'loop', image, folder],
  ] as const) {
    const { status, stderr } = spawnSync(program, words, { encoding: 'utf8' });
    if (status !== 0) return no(`${program} failed: ${stderr.trim()}`);
  }
  return {
    folder,
    remove() {
      spawnSync('umount', ['-l', folder]);
      remove();
    },
  };
}

function canClone(folder: string): boolean {
  fs.writeFileSync(join(folder, 'a'), 'a');
  try {
    fs.copyFileSync(join(folder, 'a'), join(folder, 'b'), constants.COPYFILE_FICLONE_FORCE);
    return true;
  } catch {
    return false;
  } finally {
    for (const name of ['a', 'b']) fs.rmSync(join(folder, name), { force: true });
  }
}
