import { Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** Longer lines are cut into pieces: a log must not grow memory. */
const LINE_CHARS = 64 * 1024;

/** Hands on whole lines, with `***` where a secret stood. */
export function maskedLines(secrets: readonly string[], onLine: (line: string) => void): Writable {
  const hidden = secrets
    .flatMap((secret) => secret.split('\n'))
    .filter((secret) => secret !== '')
    .sort((a, b) => b.length - a.length);
  const decoder = new StringDecoder('utf8');
  let rest = '';
  const emit = (line: string) => onLine(hidden.reduce((text, secret) => text.replaceAll(secret, '***'), line));
  return new Writable({
    write(piece: Buffer, _encoding, done) {
      const lines = (rest + decoder.write(piece)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) emit(line);
      if (rest.length > LINE_CHARS) {
        emit(rest);
        rest = '';
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
