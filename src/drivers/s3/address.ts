/** Where a bucket is reached: everything of a URL but the key and the query. */
export interface Address {
  readonly protocol: 'http:' | 'https:';
  readonly hostname: string;
  readonly port: number | undefined;
  /** What comes before `/key`: a path prefix of the endpoint and, in path style, the bucket. */
  readonly root: string;
}

export interface Endpoint {
  readonly protocol: 'http:' | 'https:';
  readonly hostname: string;
  readonly port: number | undefined;
  readonly path: string;
}

/** Names that can be one label of a host name (and so match AWS's wildcard certificate, which dots do not). */
const LABEL = /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/;

export function canBeHost(bucket: string): boolean {
  return LABEL.test(bucket);
}

export function awsEndpoint(region: string): Endpoint {
  const domain = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  return { protocol: 'https:', hostname: `s3.${region}.${domain}`, port: undefined, path: '' };
}

export function addressOf(endpoint: Endpoint, bucket: string, pathStyle: boolean): Address {
  const { protocol, port, path } = endpoint;
  return pathStyle
    ? { protocol, port, hostname: endpoint.hostname, root: `${path}/${escapeText(bucket)}` }
    : { protocol, port, hostname: `${bucket}.${endpoint.hostname}`, root: path };
}

export function hostHeader({ protocol, hostname, port }: Address): string {
  const usual = port === undefined || port === (protocol === 'https:' ? 443 : 80);
  return usual ? hostname : `${hostname}:${port}`;
}

/** SigV4's own percent-encoding: stricter than encodeURIComponent, which leaves five more characters alone. */
function escapeText(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** A key as a path: slashes stay, and nothing is collapsed, not even `a//b` or `..`. */
export function escapeKey(key: string): string {
  return escapeText(key).replace(/%2F/g, '/');
}

/** A query as it is sent and signed alike: sorted by encoded name. */
export function formatQuery(query: Readonly<Record<string, string | undefined>>): string {
  return Object.entries(query)
    .filter((pair): pair is [string, string] => pair[1] !== undefined)
    .map(([name, value]) => `${escapeText(name)}=${escapeText(value)}`)
    .sort()
    .join('&');
}
