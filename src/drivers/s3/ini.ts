/** Sections of an AWS shared file; a nested `s3 =` block becomes keys like `s3.endpoint_url`. */
export type Ini = ReadonlyMap<string, Readonly<Record<string, string>>>;

/** https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html */
export function parseIni(text: string): Ini {
  const sections = new Map<string, Record<string, string>>();
  let section: Record<string, string> | undefined;
  let parent: string | undefined;
  for (const raw of text.split(/\r?\n/)) {
    // A comment begins a line or follows white space: keys and secrets may hold `#` inside.
    const line = raw.replace(/(^|\s)[#;].*$/, '');
    if (line.trim() === '') continue;
    const title = /^\s*\[\s*([^\]]*?)\s*\]\s*$/.exec(line);
    if (title) {
      const name = (title[1] ?? '').replace(/\s+/g, ' ').replace(/"/g, '');
      section = sections.get(name) ?? {};
      sections.set(name, section);
      parent = undefined;
      continue;
    }
    const equals = line.indexOf('=');
    if (!section || equals < 0) continue;
    const name = line.slice(0, equals).trim();
    const value = line.slice(equals + 1).trim();
    const nested = /^\s/.test(line) && parent !== undefined;
    if (nested) section[`${parent}.${name}`] = value;
    else {
      section[name] = value;
      parent = value === '' ? name : undefined;
    }
  }
  return sections;
}
