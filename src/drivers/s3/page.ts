import type { Item, Page, Upload } from './wire.js';
import { childText, type Element } from './xml.js';

/** One ListObjectsV2 page, if this is one. */
export function pageOfItems(root: Element | undefined): Page<Item> | undefined {
  if (root?.name !== 'ListBucketResult') return undefined;
  const items = root.children.filter(({ name }) => name === 'Contents');
  return { ...frame(root), items: items.map(itemOf), next: childText(root, 'NextContinuationToken') };
}

/** One ListMultipartUploads page, if this is one. */
export function pageOfUploads(root: Element | undefined): Page<Upload> | undefined {
  if (root?.name !== 'ListMultipartUploadsResult') return undefined;
  const uploads = root.children.filter(({ name }) => name === 'Upload');
  return {
    ...frame(root),
    items: uploads.map((upload) => ({ key: childText(upload, 'Key'), startedAt: timeOf(upload, 'Initiated') })),
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

function itemOf(element: Element): Item {
  let key: string | undefined;
  let size: number | undefined;
  let modifiedAt: number | undefined;
  let etag: string | undefined;
  let storageClass: string | undefined;
  let restored: boolean | undefined;
  // One pass: a page holds a thousand of these.
  for (const child of element.children) {
    const { name, text } = child;
    if (name === 'Key') key = text;
    else if (name === 'Size') size = /^\d+$/.test(text) ? Number(text) : undefined;
    else if (name === 'LastModified') modifiedAt = parseTime(text);
    else if (name === 'ETag') etag = text;
    else if (name === 'StorageClass') storageClass = text;
    else if (name === 'RestoreStatus') restored = isRestored(child);
  }
  return { key, size, modifiedAt, etag, storageClass, restored };
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
