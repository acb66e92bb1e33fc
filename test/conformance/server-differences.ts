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

export function waivedOn(server: S3Facts): readonly { readonly law: string; readonly reason: string }[] {
  const isVersitygw = server.name === 'docker' || server.version === 'VERSITYGW';
  return differences[isVersitygw ? 'versitygw' : server.name] ?? [];
}
