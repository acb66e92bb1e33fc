import { aptInstall, whyNoApt } from './apt.js';
import { NotHere } from './s3-server.js';

/** All that startRadosgw calls. */
export const radosgwPrograms = ['radosgw', 'radosgw-admin', 'ceph', 'ceph-mon', 'ceph-osd', 'monmaptool'] as const;
const packages = ['radosgw', 'ceph-mon', 'ceph-osd', 'ceph-common'];

/** Debian's packages, on a machine where that is ours to do: root, Linux, apt-get, and nobody said no. */
export async function installRadosgw(): Promise<void> {
  const no = whyNoApt();
  if (no !== undefined) throw new NotHere(`radosgw is not on PATH, and is not installed: ${no}`);
  await aptInstall(packages);
}
