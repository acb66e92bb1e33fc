import type { Head } from '../../store/store.js';
import { type Doing, storeError } from './doing.js';
import type { Answer } from './wire.js';

/** An object's facts out of the headers of a HEAD or GET that found it. */
export function headOf(answer: Answer, key: string, doing: Doing): Head {
  const { headers, status } = answer;
  const size = status === 206 ? rangeIn(answer)?.total : decimal(headers['content-length']);
  const etag = unquote(headers['etag']);
  const modifiedAt = Date.parse(headers['last-modified'] ?? '');
  const missing =
    size === undefined
      ? 'its length'
      : etag === undefined
        ? 'an ETag'
        : Number.isNaN(modifiedAt)
          ? 'a time'
          : undefined;
  if (missing || size === undefined || etag === undefined) {
    // Captive portals and proxies answer 200 to anything.
    throw storeError(doing, { code: 'store/bad-answer', status, why: `the answer lacks ${missing}, so no S3 object` });
  }
  const versionId = headers['x-amz-version-id'];
  const storageClass = headers['x-amz-storage-class'];
  const archived = isArchived(storageClass, headers['x-amz-archive-status'], headers['x-amz-restore']);
  return {
    key,
    size,
    etag,
    modifiedAt,
    ...(versionId === undefined ? {} : { versionId }),
    ...(storageClass === undefined ? {} : { storageClass }),
    ...(archived ? { archived } : {}),
  };
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html (x-amz-restore, x-amz-archive-status) */
export function isArchived(storageClass: string | undefined, archiveStatus?: string, restore?: string): boolean {
  if (restore?.includes('ongoing-request="false"')) return false;
  return (
    storageClass === 'GLACIER' ||
    storageClass === 'DEEP_ARCHIVE' ||
    archiveStatus !== undefined ||
    (restore?.includes('ongoing-request="true"') ?? false)
  );
}

export function unquote(etag: string | undefined): string | undefined {
  return etag?.replace(/^(?:W\/)?"(.*)"$/, '$1') || undefined;
}

/** Which bytes a 206 brings: `bytes 0-9/120`. */
export function rangeIn({ headers }: Answer): { start: number; end: number; total: number } | undefined {
  const match = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers['content-range'] ?? '');
  return match ? { start: Number(match[1]), end: Number(match[2]), total: Number(match[3]) } : undefined;
}

function decimal(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}
