/** The one door to the SDK: nothing of it is loaded before this is called. */
export async function loadSdk(): Promise<typeof import('@aws-sdk/client-s3')> {
  // It warns on stderr about Node 20; the versions that would not run on it are excluded in package.json.
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
  return import('@aws-sdk/client-s3');
}
