// node bare-client.cjs head BUCKET KEY | list BUCKET PREFIX [AFTER]... | get BUCKET KEY FILE SIZE
// What Node and the server take and nothing else: one signed request, or pages asked for all at once, since it is told
// after which keys they begin. Nobody who has to find out what to ask can be faster in Node.
const { createHash, createHmac } = require('node:crypto');
const { openSync, writeSync } = require('node:fs');
const { Agent, request } = require('node:http');

const [what, bucket, name, ...after] = process.argv.slice(2);
const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_REGION: region, AWS_ENDPOINT_URL } = process.env;
const { hostname, port, host } = new URL(AWS_ENDPOINT_URL);
const RANGE = 8 * 2 ** 20;
const AT_ONCE = 8;
const hmac = (key, text) => createHmac('sha256', key).update(text).digest();
const encoded = (text) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html */
function ask({ method, path, query = '', headers: more = {}, agent }, answered) {
  const time = new Date().toISOString().replace(/[:-]|\.\d+/g, '');
  const scope = `${time.slice(0, 8)}/${region}/s3/aws4_request`;
  const payload = 'UNSIGNED-PAYLOAD';
  const signed = 'host;x-amz-content-sha256;x-amz-date';
  const headers = `host:${host}\nx-amz-content-sha256:${payload}\nx-amz-date:${time}\n`;
  const canonical = createHash('sha256').update(`${method}\n${path}\n${query}\n${headers}\n${signed}\n${payload}`);
  const key = scope.split('/').reduce((key, word) => hmac(key, word), `AWS4${secret}`);
  const signature = hmac(key, `AWS4-HMAC-SHA256\n${time}\n${scope}\n${canonical.digest('hex')}`).toString('hex');
  const authorization = `AWS4-HMAC-SHA256 Credential=${id}/${scope}, SignedHeaders=${signed}, Signature=${signature}`;
  const all = { ...more, 'x-amz-content-sha256': payload, 'x-amz-date': time, authorization };
  const options = { hostname, port, method, path: query === '' ? path : `${path}?${query}`, headers: all, agent };
  request(options, (answer) => {
    if (answer.statusCode !== 200 && answer.statusCode !== 206)
      throw new Error(`${method} ${path}: ${answer.statusCode}`);
    answered(answer);
  }).end();
}

function text(answer, told) {
  const pieces = [];
  answer.on('data', (piece) => pieces.push(piece));
  answer.on('end', () => told(Buffer.concat(pieces).toString()));
}

const pathOf = (key) => `/${bucket}/${key.split('/').map(encoded).join('/')}`;

/** Ranges, some at once, each hashed and written as it comes. */
function get(path, file, size) {
  const { Blake3Hasher } = require('@napi-rs/blake-hash');
  const agent = new Agent({ keepAlive: true });
  const fd = openSync(file, 'w');
  let next = 0;
  const one = () => {
    const from = next;
    if (from >= size) return;
    next = Math.min(size, from + RANGE);
    const hash = new Blake3Hasher();
    ask({ method: 'GET', path, headers: { range: `bytes=${from}-${next - 1}` }, agent }, (answer) => {
      let at = from;
      answer.on('data', (piece) => {
        hash.update(piece);
        at += writeSync(fd, piece, 0, piece.length, at);
      });
      answer.on('end', () => {
        hash.digestBuffer();
        one();
      });
    });
  };
  for (let i = 0; i < AT_ONCE; i++) one();
}

if (what === 'get') get(pathOf(name), after[0], Number(after[1]));
else if (what === 'head')
  ask({ method: 'HEAD', path: pathOf(name) }, (answer) => text(answer, () => console.log(`${name} is there`)));
else
  for (const key of ['', ...after]) {
    const start = key === '' ? '' : `&start-after=${encoded(key)}`;
    const query = `list-type=2&prefix=${encoded(name)}${start}`;
    ask({ method: 'GET', path: `/${bucket}`, query }, (answer) =>
      text(answer, (page) => {
        console.log([...page.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, found]) => found).join('\n'));
      }),
    );
  }
