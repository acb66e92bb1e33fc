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
