import { describe, expect, it } from 'vitest';
import { isCode } from '../../src/core/argv.js';

describe('isCode', () => {
  it.each([
    [['sh', '-c', 'X'], true],
    [['/bin/bash', '-ec', 'X'], true],
    [['env', 'sh', '-c', 'X'], true],
    [['python3.11', '-c', 'X'], true],
    [['node', '--eval', 'X'], true],
    [['perl', '-e', 'X'], true],
    [['sh', '-c', 'echo "$1"', 'sh', 'X'], false],
    [['python', 'train.py', '--date', 'X'], false],
    [['tar', '-c', 'X'], false],
    [['spark-submit', 'clean.py', 'X'], false],
  ])('%j', (argv, code) => {
    expect(isCode(argv, argv.indexOf('X'))).toBe(code);
  });
});
