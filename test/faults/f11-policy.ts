import { PutBucketPolicyCommand } from '@aws-sdk/client-s3';
import type { S3Facts } from '../rig/s3-server.js';
import { sdkFor } from '../rig/sdk.js';

/** The stranger may read and write objects, and not list the bucket: what many a job's role looks like. */
export async function allowOnlyObjects(server: S3Facts, bucket: string): Promise<void> {
  const client = sdkFor(server);
  const policy = {
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { AWS: [server.stranger!.principal] },
        Action: ['s3:GetObject', 's3:PutObject'],
        Resource: [`arn:aws:s3:::${bucket}/*`],
      },
    ],
  };
  await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy: JSON.stringify(policy) }));
  client.destroy();
}
