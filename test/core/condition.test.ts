import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Condition, judge, questions, type Truth } from '../../src/core/condition.js';

const T: Record<string, Truth> = { here: 'true', gone: 'false', dark: 'unknown' };
const truth = (condition: Condition): Truth => judge(condition, (q) => T['path' in q ? q.path : q.glob]!).truth;
const paths = (...names: string[]) => names.map((path) => ({ path }));

describe('conditions on places', () => {
  it.each<[Condition, Truth]>([
    [{ pathNotExists: paths('here', 'here') }, 'false'],
    [{ pathNotExists: paths('here', 'gone') }, 'true'],
    [{ pathNotExists: paths('dark', 'gone') }, 'true'],
    [{ pathNotExists: paths('dark', 'here') }, 'unknown'],
    [{ pathExists: paths('here', 'here') }, 'true'],
    [{ pathExists: paths('here', 'gone') }, 'false'],
    [{ pathExists: paths('here', 'dark') }, 'unknown'],
    [{ pathExists: paths('gone', 'dark') }, 'false'],
    [{ all: [{ pathExists: paths('here') }, { pathNotExists: paths('gone') }] }, 'true'],
    [{ any: [{ pathExists: paths('gone') }, { pathExists: paths('dark') }] }, 'unknown'],
    [{ any: [{ pathExists: paths('here') }, { pathExists: paths('dark') }] }, 'true'],
    [{ any: [{ pathExists: paths('gone') }, { pathExists: paths('gone') }] }, 'false'],
    [{ not: { pathExists: paths('dark') } }, 'unknown'],
    [{ not: { pathExists: paths('gone') } }, 'true'],
  ])('%j is %s', (condition, expected) => expect(truth(condition)).toBe(expected));

  it('names what settled it, and nothing else', () => {
    const verdict = judge({ pathNotExists: paths('dark', 'gone', 'here') }, (q) => T['path' in q ? q.path : '']!);
    expect(verdict).toEqual({ truth: 'true', because: [{ path: 'gone' }] });
  });

  it('never guesses: what is settled stays settled however its unknowns turn out', () => {
    const leaf = fc.constantFrom('here', 'gone', 'dark').map((p) => paths(p));
    const { condition } = fc.letrec<{ condition: Condition }>((tie) => ({
      condition: fc.oneof(
        { maxDepth: 4 },
        leaf.map((q) => ({ pathExists: q })),
        leaf.map((q) => ({ pathNotExists: q })),
        fc.array(tie('condition'), { minLength: 1, maxLength: 3 }).map((all) => ({ all })),
        fc.array(tie('condition'), { minLength: 1, maxLength: 3 }).map((any) => ({ any })),
        tie('condition').map((c) => ({ not: c })),
      ) as fc.Arbitrary<Condition>,
    }));
    fc.assert(
      fc.property(condition, fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }), (c, turns) => {
        const said = truth(c);
        if (said === 'unknown') return;
        let i = 0;
        const settled = judge(c, (q) => {
          const known = T['path' in q ? q.path : '']!;
          return known === 'unknown' ? (turns[i++ % turns.length] ? 'true' : 'false') : known;
        });
        expect(settled.truth).toBe(said);
      }),
      { numRuns: 3000 },
    );
  });

  it('lists its questions', () => {
    expect(
      questions({ any: [{ pathExists: paths('a') }, { not: { all: [{ pathNotExists: paths('b', 'c') }] } }] }),
    ).toEqual(paths('a', 'b', 'c'));
  });
});
