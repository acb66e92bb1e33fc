import type { S3Facts } from '../rig/s3-server.js';

/** Laws that a real server breaks whatever our driver does, and how. Printed as skipped, with the reason. */
const differences: Readonly<Record<string, readonly { readonly law: string; readonly reason: string }[]>> = {
  versitygw: [
    {
      law: 'a key that looks like a path is itself or refused: never another key, never another place',
      // ../../../research/s3-servers.md section 4. Our own keys never have this form (src/store/store-key.ts).
      reason: 'the server takes a//b and x/../y and keeps them under another name',
    },
  ],
};

/**
 * Names that a server shows for a moment while it overwrites an object beside them. versitygw links an unnamed file
 * under `.NAME.sgwtmp.NANOSECONDS` before it renames it into place, and a listing between the two sees both.
 */
const passingNames: Readonly<Record<string, RegExp>> = { versitygw: /(^|\/)\.[^/]+\.sgwtmp\.\d+$/ };

export function waivedOn(server: S3Facts): readonly { readonly law: string; readonly reason: string }[] {
  return differences[familyOf(server)] ?? [];
}

export function passingOn(server: S3Facts): RegExp | undefined {
  return passingNames[familyOf(server)];
}

function familyOf(server: S3Facts): string {
  return server.name === 'docker' || server.version === 'VERSITYGW' ? 'versitygw' : server.name;
}
