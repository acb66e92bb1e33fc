const INTERPRETER =
  /^(?:.*\/)?(?:(?:ba|da|z|k|a|fi|tc|c)?sh|busybox|python[0-9.]*|perl|ruby|node|php|lua|osascript|su)$/;
const TAKES_CODE = /^-(?!-)[A-Za-z]*[ceEr]$|^--(?:command|eval|print|execute)$/;

/** Is this word of a command code that an interpreter will run? A value in it would be code as well. */
export function isCode(argv: readonly string[], index: number): boolean {
  const before = argv.slice(0, index);
  return TAKES_CODE.test(before.at(-1) ?? '') && before.some((word) => INTERPRETER.test(word));
}
