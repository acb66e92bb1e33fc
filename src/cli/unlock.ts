import { newRun } from '../engine/journal.js';
import { lookAround } from '../engine/situation.js';
import { onCache } from './cache-command.js';
import { UsageError } from './command.js';
import { askedOf } from './engine.js';
import { EXIT } from './exit.js';
import { selectInstances } from './load.js';
import { printable } from './terminal.js';

/** Who holds what of these steps; with --break the leases are taken away, and their holders can commit no more. */
export const unlock = onCache(async ({ args, terminal, engine, workflow }) => {
  if (!workflow) throw new UsageError('unlock needs a workflow file', 'stepaside unlock -f stepaside.yaml [STEP...]');
  const leases: {
    step: string;
    log: string;
    host: string;
    pid: number;
    since: string;
    alive: boolean;
    broken: boolean;
  }[] = [];
  for (const instance of selectInstances(workflow, args.words)) {
    const seen = await lookAround(engine, { workflow, instance }, askedOf(args, newRun()));
    for (const { log, view } of [...(seen.keyRead ? [seen.keyRead] : []), ...seen.placeReads.values()]) {
      if (!view.held) continue;
      const { by, at } = view.held;
      const alive = await engine.watch.isHeld({ log, view });
      let broken = false;
      if (args.on('break')) {
        const taken = await log.append(view, { kind: 'acquire' }, engine.self);
        broken =
          taken.won &&
          (await log.appendAfter(taken.view, { kind: 'release', attempt: taken.view.n, untouched: false }, engine.self))
            .won;
      }
      leases.push({
        step: instance.name,
        log: log.id,
        host: by.host,
        pid: by.pid,
        since: new Date(at).toISOString(),
        alive,
        broken,
      });
    }
  }
  if (args.on('json')) terminal.json('unlock', { exitCode: EXIT.good, leases });
  else {
    for (const { step, host, pid, since, alive, broken } of leases)
      terminal.data(
        `${printable(step)}  process ${pid} on ${printable(host)} since ${since}${alive ? '' : '  (dead)'}${broken ? '  broken' : ''}`,
      );
    if (leases.length === 0) terminal.note('no leases');
    else if (!args.on('break')) terminal.note('--break takes them away: whoever works under them can leave no record');
  }
  return EXIT.good;
});
