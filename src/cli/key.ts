import type { KeyState } from '../core/decide.js';
import { type Component, nameOf } from '../core/key.js';
import { blake3 } from '../hash.js';
import { type Keyed, keyOf } from '../look/key-of.js';
import { openPlaces } from '../preset.js';
import type { Command } from './command.js';
import { EXIT, type Exit } from './exit.js';
import { loadWork, selectInstances } from './load.js';
import { printable } from './terminal.js';

export const key: Command = async (args, terminal) => {
  const loaded = await loadWork(args, terminal);
  if (!loaded.ok) return EXIT.usage;
  const { workflow, surroundings } = loaded;
  const places = openPlaces(surroundings);
  const list = args.on('json') ? terminal.jsonList('key', 'steps') : undefined;
  let exitCode: Exit = EXIT.good;
  try {
    for (const instance of selectInstances(workflow, args.words)) {
      const keyed = await keyOf(workflow, instance, {
        places,
        hash: blake3(),
        secret: terminal.env['STEPASIDE_SECRET'],
      });
      // Pending is an answer, not a failure; without an input there is nothing that could be run.
      if (keyed.key.state === 'unknown' || keyed.key.state === 'input-missing') exitCode = EXIT.unsure;
      if (list) list.item({ step: instance.name, ...keyed.key, components: keyed.components.map(plain) });
      else show(instance.name, keyed);
      await terminal.drained();
    }
  } finally {
    await places.close();
  }
  list?.end({ exitCode });
  return exitCode;

  function show(step: string, { key: state, components }: Keyed): void {
    const { paint } = terminal;
    terminal.data(
      `${paint.bold(printable(step))}  ${state.state === 'known' ? state.key : paint.warn(describe(state))}`,
    );
    for (const component of components)
      terminal.data(`  ${nameOf(component).padEnd(20)} ${printable(JSON.stringify(plain(component).value))}`);
  }
};

function plain(component: Component) {
  return { name: nameOf(component), value: component.value };
}

function describe(state: Exclude<KeyState, { state: 'known' }>): string {
  switch (state.state) {
    case 'pending':
      return `pending: reads what ${state.on.join(', ')} will make`;
    case 'input-missing':
      return `input missing: nothing matches ${state.what}`;
    case 'unknown':
      return `unknown: ${state.doubt.message}`;
    case 'not-cached':
      return `not cached: ${state.why}`;
    default:
      return state satisfies never;
  }
}
