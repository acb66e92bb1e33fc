import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stepaside } from '../rig/cli.js';
import { workflow } from '../rig/workflow.js';

describe('secrets (F10)', () => {
  const STEPS = `
  - name: login
    run: |
      echo login >> ran; echo "token $TOKEN ends"; echo "$TOKEN" >&2; printf '%s' "$TOKEN" | wc -c > out/x
      [ "$FAIL" = no ]
    env: { TOKEN: "{{params.token}}", FAIL: "{{params.fail}}" }
    outputs: [{ path: out/x, atomic: true }]
`;
  const head = 'params: { token: { secret: true }, fail: "no" }\n';

  it('never in logs, records, journals, events or output, whether it is cached or not, ends well or fails', async () => {
    const canary = `canary-${randomBytes(9).toString('hex')}`;
    const hmac = randomBytes(16).toString('hex');
    const told: string[] = [];
    const w = workflow(STEPS, { head });
    for (const env of [{ STEPASIDE_SECRET: hmac }, {}] as Record<string, string>[])
      for (const words of [[], ['-v'], ['--json'], ['-p', 'fail=yes'], ['-p', 'fail=yes', '-v'], ['--force']]) {
        const ran = await w.run(['-p', `token=${canary}`, ...words], env);
        expect([0, 1]).toContain(ran.code);
        told.push(ran.stdout, ran.stderr);
      }
    for (const command of [['plan'], ['plan', '--json', '-v'], ['why', 'login'], ['why', 'login', '--json']]) {
      const ran = await stepaside([...command, '-p', `token=${canary}`], {
        cwd: w.folder,
        env: { STEPASIDE_SECRET: hmac },
      });
      told.push(ran.stdout, ran.stderr);
    }
    expect(w.read('out/x').trim()).toBe(String(canary.length));
    const files = readdirSync(w.folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const texts = files.map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'));
    expect(texts.some((text) => text.includes('token *** ends\n***\n'))).toBe(true);
    for (const secret of [canary, hmac]) {
      expect(texts.filter((text) => text.includes(secret))).toEqual([]);
      expect(told.filter((text) => text.includes(secret))).toEqual([]);
    }
  });

  it('is part of the key under STEPASIDE_SECRET; without it the step is not cached, and says so', async () => {
    const w = workflow(STEPS, { head });
    const env = { STEPASIDE_SECRET: 'pepper' };
    expect((await w.outcomes(['-p', 'token=one'], env)).steps).toEqual({ login: 'ran no-record' });
    expect((await w.outcomes(['-p', 'token=one'], env)).steps).toEqual({ login: 'avoided parts-match' });
    expect((await w.outcomes(['-p', 'token=two'], env)).steps).toEqual({ login: 'ran other-key' });
    expect((await w.outcomes(['-p', 'token=two'])).steps).toEqual({ login: 'ran not-cached, not-keyed' });
    expect((await w.outcomes(['-p', 'token=two'], { STEPASIDE_SECRET: 'salt' })).steps).toEqual({
      login: 'ran partial',
    });
  });
});
