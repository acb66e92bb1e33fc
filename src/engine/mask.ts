import { Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** Longer lines are cut into pieces: a log must not grow memory. */
const LINE_CHARS = 64 * 1024;

/** Shorter ones in base64 would hide half of any text. */
const CODED_CHARS = 8;

/** As programs repeat them: line by line, in JSON, in a URL, in base64 from its begin. */
function formsOf(secret: string): readonly string[] {
  const lines = secret.split('\n');
  if (secret.length < CODED_CHARS) return lines;
  const base64 = Buffer.from(secret).toString('base64').replace(/=+$/, '');
  // What stands behind it changes its last characters.
  const coded = [base64, base64.replaceAll('+', '-').replaceAll('/', '_')].map((text) => text.slice(0, -2));
  const url = secret.isWellFormed() ? [encodeURIComponent(secret)] : [];
  return [...lines, JSON.stringify(secret).slice(1, -1), ...url, ...coded];
}

/** Hands on whole lines, with `***` where a secret stood. */
export function maskedLines(secrets: readonly string[], onLine: (line: string) => void): Writable {
  const hidden = (__SABOTAGE__ === 'logs-unmasked' ? [] : secrets)
    .flatMap(formsOf)
    .filter((secret) => secret !== '')
    .sort((a, b) => b.length - a.length);
  const decoder = new StringDecoder('utf8');
  let rest = '';
  const mask = (text: string) => hidden.reduce((masked, secret) => masked.replaceAll(secret, '***'), text);
  const emit = (line: string) => onLine(mask(line));
  // Of a line that is cut so much is kept back that no secret lies across the cut.
  const kept = Math.max(0, (hidden[0]?.length ?? 0) - 1);
  return new Writable({
    write(piece: Buffer, _encoding, done) {
      const lines = (rest + decoder.write(piece)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) emit(line);
      if (rest.length > LINE_CHARS + kept) {
        const masked = mask(rest);
        const cut = masked.length - kept;
        onLine(masked.slice(0, Math.max(0, cut)));
        rest = masked.slice(Math.max(0, cut));
      }
      done();
    },
    final(done) {
      rest += decoder.end();
      if (rest !== '') emit(rest);
      done();
    },
  });
}
