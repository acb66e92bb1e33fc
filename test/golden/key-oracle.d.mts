export function oracleKey(
  components: readonly { readonly group: string; readonly name?: string; readonly value: unknown }[],
  digest: (bytes: Uint8Array) => string,
): string;
