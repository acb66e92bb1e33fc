import type { OptionSpec } from './command.js';

const file: OptionSpec = {
  name: 'file',
  short: 'f',
  value: 'FILE',
  files: true,
  what: 'the workflow file (else STEPASIDE_FILE)',
};
const param: OptionSpec = {
  name: 'param',
  short: 'p',
  value: 'NAME=VALUE',
  many: true,
  what: "a workflow parameter's value",
};

/** Options that mean the same wherever they stand. */
export const OPTIONS = {
  file,
  param,
  cache: {
    name: 'cache',
    value: 'URI',
    what: 'where records and leases are (else STEPASIDE_CACHE, cache: in the file, .stepaside/)',
  },
  force: { name: 'force', what: 'ignore what is there, but record (the named steps, not their needs)' },
  forceDownstream: { name: 'force-downstream', what: 'the same, and everything that reads them' },
  readOnly: { name: 'read-only', what: 'record nothing' },
  writeOnly: { name: 'write-only', what: 'read nothing of what is there' },
  noCache: { name: 'no-cache', what: 'neither' },
  materialize: { name: 'materialize', what: 'make outputs that are gone, even if nobody who reads them has to run' },
  rehash: { name: 'rehash', what: 'read every input again, however unchanged it looks' },
  only: { name: 'only', what: 'the named steps without what they need' },
  wait: {
    name: 'wait',
    value: 'D',
    what: 'how long to wait for others at the same work (else memoize.wait; 0 = not at all)',
  },
  endpoint: {
    name: 'endpoint-url',
    value: 'URL',
    what: 'the S3 endpoint for every bucket (else stores: in the config, AWS_ENDPOINT_URL_S3)',
  },
} as const satisfies Record<string, OptionSpec>;

/** Every command has these. */
export const COMMON: readonly OptionSpec[] = [
  { name: 'json', what: 'data for programs, alone on stdout' },
  { name: 'quiet', short: 'q', what: 'only data and errors' },
  { name: 'verbose', short: 'v', what: 'more evidence' },
  { name: 'help', short: 'h', what: 'this text' },
];
