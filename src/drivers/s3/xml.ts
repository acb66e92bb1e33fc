export interface Element {
  readonly name: string;
  readonly text: string;
  readonly children: readonly Element[];
}

/** As `parseXmlText`, of the bytes of an answer; none if they are no UTF-8. */
export function parseXml(bytes: Uint8Array): Element | undefined {
  const text = textOf(bytes);
  return text === undefined ? undefined : parseXmlText(text);
}

/**
 * The root element of a document, or `undefined` if it is not one whole well-formed document: an answer cut short must
 * never read as a shorter answer. As much of XML as S3 servers write.
 */
export function parseXmlText(source: string): Element | undefined {
  interface Open {
    name: string;
    text: string;
    children: Element[];
  }
  const stack: Open[] = [];
  let root: Element | undefined;
  let at = 0;
  const close = (): void => {
    const done = stack.pop() as Open;
    const parent = stack.at(-1);
    if (parent) parent.children.push(done);
    else root = done;
  };
  while (at < source.length) {
    const open = source.indexOf('<', at);
    const text = source.slice(at, open < 0 ? source.length : open);
    const top = stack.at(-1);
    if (text !== '') {
      if (top) {
        const decoded = decodeEntities(text);
        if (decoded === undefined) return undefined;
        top.text += decoded;
      } else if (text.trim() !== '') return undefined;
    }
    if (open < 0) break;
    if (source.startsWith('<![CDATA[', open)) {
      const end = source.indexOf(']]>', open);
      if (end < 0 || !top) return undefined;
      top.text += source.slice(open + 9, end);
      at = end + 3;
      continue;
    }
    const comment = source.startsWith('<!--', open);
    const end = comment ? source.indexOf('-->', open) + 2 : source.indexOf('>', open);
    if (end < open + 1) return undefined;
    at = end + 1;
    if (comment || source.startsWith('<?', open)) continue;
    const tag = source.slice(open + 1, end);
    if (tag.startsWith('/')) {
      const closing = tag.slice(1);
      if (!top || (closing !== top.name && nameOf(closing) !== top.name)) return undefined;
      close();
      continue;
    }
    const name = nameOf(tag.endsWith('/') ? tag.slice(0, -1) : tag);
    // A second root, or <!DOCTYPE html>.
    if (name === undefined || (root && !top)) return undefined;
    stack.push({ name, text: '', children: [] });
    if (tag.endsWith('/')) close();
  }
  return stack.length === 0 ? root : undefined;
}

export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

export function childText(element: Element, name: string): string | undefined {
  return element.children.find((child) => child.name === name)?.text;
}

export function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

const PLAIN = /^[A-Za-z_]\w*$/;

/** The name without namespace prefix and attributes. */
function nameOf(tag: string): string | undefined {
  return PLAIN.test(tag) ? tag : /^(?:[\w.-]+:)?([A-Za-z_][\w.-]*)(?:\s|$)/.exec(tag)?.[1];
}

const QUOTES = /&(?:quot|#34);/g;

const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

export function decodeEntities(text: string): string | undefined {
  if (!text.includes('&')) return text;
  // Every ETag of a page has two of these, and nothing else; no other entity ends in them.
  const unquoted = text.replaceAll(QUOTES, '"');
  if (!unquoted.includes('&')) return unquoted;
  let sound = true;
  const decoded = text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(\w{1,8}));|&/gi, (_, decimal, hex, name) => {
    const code = decimal ? Number(decimal) : hex ? Number.parseInt(hex, 16) : undefined;
    const found = code === undefined ? NAMED[name] : code <= 0x10ffff ? String.fromCodePoint(code) : undefined;
    if (found === undefined) sound = false;
    return found ?? '';
  });
  return sound ? decoded : undefined;
}
