import { countItems } from '../core/series.js';
import type { Command } from './command.js';
import { EXIT } from './exit.js';
import { givenParams } from './load.js';

export const validate: Command = async (args, terminal) => {
  const { loadWorkflow } = await import('../spec/load.js');
  const { formatIssue } = await import('../spec/issue.js');
  const files = args.words.length > 0 ? args.words : [terminal.env['STEPASIDE_FILE'] ?? 'stepaside.yaml'];
  const results = files.map((file) => ({ file, loaded: loadWorkflow({ file, params: givenParams(args) }) }));
  const exit = results.every(({ loaded }) => loaded.ok) ? EXIT.good : EXIT.usage;
  if (args.on('json')) {
    terminal.json('validate', {
      exitCode: exit,
      files: results.map(({ file, loaded }) => ({
        file,
        ok: loaded.ok,
        issues: loaded.ok ? loaded.warnings : loaded.issues,
      })),
    });
    return exit;
  }
  for (const { file, loaded } of results) {
    for (const issue of loaded.ok ? loaded.warnings : loaded.issues) {
      if (issue.severity === 'error') process.stderr.write(`${formatIssue(issue)}\n`);
      else terminal.note(formatIssue(issue));
    }
    if (!loaded.ok) continue;
    const { steps } = loaded.workflow;
    const instances = steps.reduce((sum, step) => sum + countItems(step.forEach), 0);
    const items = instances === steps.length ? '' : `, ${instances} with their items`;
    terminal.data(`${file}: ${steps.length} ${steps.length === 1 ? 'step' : 'steps'}${items}, no mistakes`);
  }
  return exit;
};
