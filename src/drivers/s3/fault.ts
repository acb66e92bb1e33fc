import type { StoreError } from '../../core/error.js';
import { isStoreError } from '../../core/error.js';
import { type Doing, type Fault, storeError } from './doing.js';
import { BrokenExchange, WireFault } from './wire.js';

const TLS = /^(ERR_TLS|ERR_SSL|CERT_|CRL_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|HOSTNAME_|INVALID_CA|EPROTO)/;

/** Why no answer came, as an error of the family. */
export function faultError(error: unknown, doing: Doing): StoreError {
  if (isStoreError(error)) return error;
  return storeError(doing, classify(error));
}

function classify(error: unknown): Fault {
  if (error instanceof WireFault) {
    const { reason, sent, message } = error;
    const why = reason === 'connect-timeout' ? `the server cannot be reached (${message})` : `timed out (${message})`;
    return { code: 'store/unavailable', why, status: 'ETIMEDOUT', retryable: true, unclear: sent };
  }
  const broken = error instanceof BrokenExchange ? error : undefined;
  const cause = (broken?.cause ?? error) as NodeJS.ErrnoException | undefined;
  const errno = typeof cause?.code === 'string' ? cause.code : '';
  const text = cause instanceof Error ? cause.message : String(cause);
  // Only the words: a Node error can hold certificates, an SDK error the whole request.
  const rest = { status: errno || undefined, cause: new Error(text) };
  const sent = broken?.sent ?? true;
  switch (errno) {
    case 'ECONNREFUSED':
      return { code: 'store/unavailable', why: `the connection was refused (${text})`, retryable: true, ...rest };
    case 'ENOTFOUND':
      return {
        code: 'store/unavailable',
        why: `no such host (${text})`,
        hint: 'check the endpoint and the bucket name',
        ...rest,
      };
    case 'EAI_AGAIN':
      return { code: 'store/unavailable', why: `name lookup failed (${text})`, retryable: true, ...rest };
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return {
        code: 'store/unavailable',
        why: `the network does not reach it (${text})`,
        retryable: true,
        unclear: sent,
        ...rest,
      };
  }
  if (TLS.test(errno)) {
    const hint = /^(UNABLE|SELF|DEPTH|INVALID_CA)/.test(errno)
      ? 'name the authority that signed it in the store\'s "ca", or in NODE_EXTRA_CA_CERTS'
      : 'check that the endpoint speaks https and that its certificate names this host';
    return {
      code: 'store/unavailable',
      why: `no secure connection (${errno}: ${text})`,
      hint,
      unclear: broken?.sent ?? false,
      ...rest,
    };
  }
  if (errno.startsWith('HPE_')) {
    return { code: 'store/bad-answer', why: `what answers there is no HTTP (${text})`, unclear: true, ...rest };
  }
  return {
    code: 'store/unavailable',
    why: `the connection broke (${errno || text})`,
    retryable: true,
    unclear: sent,
    ...rest,
  };
}
