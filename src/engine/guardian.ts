import { type ChildProcess, spawn } from 'node:child_process';

/**
 * Reads which process groups live; when nobody writes any more, because we ended or were killed, ends what is left of
 * them. Else the step of a killed run would go on, and the next run would start a second one beside it.
 */
const SCRIPT = `
live=' '
while read -r what group; do
  case $what in
    begun) live="$live$group " ;;
    ended) case $live in *" $group "*) live="\${live%% $group *} \${live#* $group }" ;; esac ;;
  esac
done
for group in $live; do kill -s KILL -- "-$group"; done
`;

let guardian: ChildProcess | undefined;

/** Called when a group began; the result when it has ended. */
export function guarded(group: number): () => void {
  guardian ??= start();
  tell(`begun ${group}`);
  return () => tell(`ended ${group}`);
}

function start(): ChildProcess {
  // In a group of its own: who kills ours, all of it, does not kill this.
  const child = spawn('/bin/sh', ['-c', SCRIPT], { detached: true, stdio: ['pipe', 'ignore', 'ignore'], cwd: '/' });
  // Without it everything goes on as before; only nobody cleans up after a kill.
  child.on('error', () => undefined);
  child.stdin?.on('error', () => undefined);
  child.unref();
  (child.stdin as { unref?: () => void } | null)?.unref?.();
  return child;
}

function tell(line: string): void {
  if (guardian?.stdin?.writable) guardian.stdin.write(`${line}\n`);
}
