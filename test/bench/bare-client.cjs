// node bare-client.cjs head BUCKET KEY | list BUCKET PREFIX [AFTER]...
// What Node and the server take and nothing else: one signed request, or pages asked for all at once, since it is told
// after which keys they begin. Nobody who has to find out what to ask can be faster in Node.
const { createHash, createHmac } = require('node:crypto');
const { request } = require('node:http');

const [what, bucket, name, ...after] = process.argv.slice(2);
const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_REGION: region, AWS_ENDPOINT_URL } = process.env;
const { hostname, port, host } = new URL(AWS_ENDPOINT_URL);
const hmac = (key, text) => createHmac('sha256', key).update(text).digest();
const encoded = (text) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html */
function ask(method, path, query, answered) {
  const time = new Date().toISOString().replace(/[:-]|\.\d+/g, '');
  const scope = `${time.slice(0, 8)}/${region}/s3/aws4_request`;
  const payload = 'UNSIGNED-PAYLOAD';
  const signed = 'host;x-amz-content-sha256;x-amz-date';
  const headers = `host:${host}\nx-amz-content-sha256:${payload}\nx-amz-date:${time}\n`;
  const canonical = createHash('sha256').update(`${method}\n${path}\n${query}\n${headers}\n${signed}\n${payload}`);
  const key = scope.split('/').reduce((key, word) => hmac(key, word), `AWS4${secret}`);
  const signature = hmac(key, `AWS4-HMAC-SHA256\n${time}\n${scope}\n${canonical.digest('hex')}`).toString('hex');
  const authorization = `AWS4-HMAC-SHA256 Credential=${id}/${scope}, SignedHeaders=${signed}, Signature=${signature}`;
  const options = { hostname, port, method, path: query === '' ? path : `${path}?${query}` };
  request({ ...options, headers: { 'x-amz-content-sha256': payload, 'x-amz-date': time, authorization } }, (answer) => {
    if (answer.statusCode !== 200) throw new Error(`${method} ${path}: ${answer.statusCode}`);
    const pieces = [];
    answer.on('data', (piece) => pieces.push(piece));
    answer.on('end', () => answered(Buffer.concat(pieces).toString()));
  }).end();
}

if (what === 'head')
  ask('HEAD', `/${bucket}/${name.split('/').map(encoded).join('/')}`, '', () => console.log(`${name} is there`));
else
  for (const key of ['', ...after]) {
    const start = key === '' ? '' : `&start-after=${encoded(key)}`;
    ask('GET', `/${bucket}`, `list-type=2&prefix=${encoded(name)}${start}`, (page) => {
      console.log([...page.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, found]) => found).join('\n'));
    });
  }
