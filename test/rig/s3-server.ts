/** What the rig hands to a test: a real S3 server that somebody else wrote, and the way into it. */
export interface S3Server {
  /** `versitygw`, `radosgw`, `docker`, `given`: rows of servers.test.ts are chosen by it. */
  readonly name: string;
  readonly version: string;
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: S3Credentials;
  /** Where the rig may make accounts: not on a given server. */
  readonly stranger?: Stranger;
  /**
   * Requests served so far, by the server's own account (access log). A given server shows us no log: there it is what
   * our processes sent (see count-sent.ts), and the rig says so.
   */
  requests(): number;
  readonly counted: 'served' | 'sent';
  makeBucket(name: string, options?: { readonly versioned?: boolean }): Promise<void>;
  stop(): Promise<void>;
}

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** The part that can be handed to a worker process. */
export interface S3Facts {
  readonly name: string;
  readonly version: string;
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: S3Credentials;
  readonly stranger?: Stranger;
}

/** A second account of the same server, with no rights in the first one's buckets but what a policy gives it. */
export interface Stranger {
  readonly credentials: S3Credentials;
  /** As a bucket policy names it. */
  readonly principal: string;
}

export function factsOf(server: S3Facts): S3Facts {
  const { name, version, endpoint, region, credentials, stranger } = server;
  return { name, version, endpoint, region, credentials, ...(stranger !== undefined && { stranger }) };
}

/** A server that cannot be had here, and why: the reason is printed, so it says what to do. */
export class NotHere extends Error {}

/** The environment in which a command finds that server. */
export function accountOf({ credentials, region, endpoint }: S3Facts): Record<string, string> {
  return {
    ...{ AWS_ACCESS_KEY_ID: credentials.accessKeyId, AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey },
    ...{ AWS_REGION: region, AWS_ENDPOINT_URL_S3: endpoint },
  };
}
