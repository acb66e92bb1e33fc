import { type ChildProcess, spawn } from 'node:child_process';

/**
 * Reads which process groups live, and under which runs; when nobody writes any more, because we ended or were killed,
 * ends what is left of them. Else the step of a killed run would go on, and the next run would start a second one beside
 * it. A program that was started and not yet told of is known by STEPASIDE_RUN in its environment.
 */
const SCRIPT = `
live=' ' runs=' '
while read -r what which; do
  case $what in
    run) case $runs in *" $which "*) ;; *) runs="$runs$which " ;; esac ;;
    begun) live="$live$which " ;;
    ended) case $live in *" $which "*) live="\${live%% $which *} \${live#* $which }" ;; esac ;;
    over) exit ;;
  esac
done
for group in $live; do kill -s KILL -- "-$group"; done
for run in $runs; do
  for process in /proc/[0-9]*; do
    if grep -qsazx "STEPASIDE_RUN=$run" "$process/environ"; then kill -s KILL "\${process#/proc/}"; fi
  done
done
`;

let guardian: ChildProcess | undefined;
let live = 0;

/** Before a program of this run is started; what comes back is told its group, and gives what is to be called at its end. */
export function guarding(run: string): (group: number) => () => void {
  guardian ??= start();
  tell(`run ${run}`);
  return (group) => {
    live += 1;
    tell(`begun ${group}`);
    return () => {
      live -= 1;
      tell(`ended ${group}`);
    };
  };
}

/** Without it everything goes on as before; only nobody cleans up after a kill. */
function start(): ChildProcess | undefined {
  let child: ChildProcess;
  try {
    // In a group of its own: who kills ours, all of it, does not kill this.
    child = spawn('/bin/sh', ['-c', SCRIPT], { detached: true, stdio: ['pipe', 'ignore', 'ignore'], cwd: '/' });
  } catch {
    // Node throws some refusals of the system instead of telling them. The next program asks again.
    return undefined;
  }
  child.on('error', () => undefined);
  child.stdin?.on('error', () => undefined);
  child.unref();
  (child.stdin as { unref?: () => void } | null)?.unref?.();
  // What a step that ended left running it meant to.
  process.on('exit', () => (live === 0 ? tell('over') : undefined));
  return child;
}

function tell(line: string): void {
  if (guardian?.stdin?.writable) guardian.stdin.write(`${line}\n`);
}
