import type { Item, Page, Upload } from './wire.js';
import { childText, type Element } from './xml.js';

/** One ListObjectsV2 page, if this is one; its entries may have been read already. */
export function pageOfItems(root: Element | undefined, read?: readonly Item[]): Page<Item> | undefined {
  if (root?.name !== 'ListBucketResult') return undefined;
  const items = read ?? root.children.filter(({ name }) => name === 'Contents').map(itemIn);
  return { ...frame(root), items, next: childText(root, 'NextContinuationToken') };
}

/** One ListMultipartUploads page, if this is one. */
export function pageOfUploads(root: Element | undefined): Page<Upload> | undefined {
  if (root?.name !== 'ListMultipartUploadsResult') return undefined;
  const uploads = root.children.filter(({ name }) => name === 'Upload');
  return {
    ...frame(root),
    items: uploads.map((upload) => ({
      key: childText(upload, 'Key'),
      id: childText(upload, 'UploadId'),
      startedAt: timeOf(upload, 'Initiated'),
    })),
    next: childText(root, 'NextKeyMarker'),
    nextId: childText(root, 'NextUploadIdMarker'),
  };
}

function frame(root: Element): { truncated: boolean | undefined; encoded: boolean } {
  const truncated = childText(root, 'IsTruncated')?.trim();
  return {
    truncated: truncated === 'true' ? true : truncated === 'false' ? false : undefined,
    encoded: childText(root, 'EncodingType') === 'url',
  };
}

function itemIn(element: Element): Item {
  const text = (name: string) => element.children.findLast((child) => child.name === name)?.text;
  const status = element.children.findLast(({ name }) => name === 'RestoreStatus');
  return itemOf({
    key: text('Key'),
    size: text('Size'),
    modified: text('LastModified'),
    etag: text('ETag'),
    storageClass: text('StorageClass'),
    restored: status && isRestored(status),
  });
}

interface Fields extends Pick<Item, 'key' | 'etag' | 'storageClass' | 'restored'> {
  readonly size: string | undefined;
  readonly modified: string | undefined;
}

/** What an entry says of an object. */
export function itemOf({ key, size, modified, etag, storageClass, restored }: Fields): Item {
  return {
    key,
    size: size !== undefined && /^\d+$/.test(size) ? Number(size) : undefined,
    modifiedAt: modified === undefined ? undefined : parseTime(modified),
    etag,
    storageClass,
    restored,
  };
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_RestoreStatus.html */
function isRestored(status: Element): boolean {
  return childText(status, 'IsRestoreInProgress') === 'false' && childText(status, 'RestoreExpiryDate') !== undefined;
}

function timeOf(element: Element, name: string): number | undefined {
  const text = childText(element, name);
  return text === undefined ? undefined : parseTime(text);
}

function parseTime(text: string): number | undefined {
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}
