// Ends child processes and removes their folder when its standard input closes: whether the tests ended well, were
// stopped by Ctrl-C, or were killed outright, the pipe closes. It runs in a session of its own, out of Ctrl-C's reach.
import { rmSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';

const pids = [];
const folders = [];
let text = '';
process.stdin.setEncoding('utf8');
process.stdin.on('data', (piece) => {
  text += piece;
  for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
    const [what, value] = JSON.parse(text.slice(0, end));
    text = text.slice(end + 1);
    if (what === 'pid') pids.push(value);
    else folders.push(value);
  }
});
process.stdin.on('end', finish);
process.stdin.on('error', finish);

async function finish() {
  // Last started, first ended: a gateway goes before the storage behind it.
  for (const pid of pids.toReversed()) {
    signal(pid, 'SIGTERM');
    for (let i = 0; i < 60 && signal(pid, 0); i += 1) await wait(50);
    if (signal(pid, 0)) signal(pid, 'SIGKILL');
    for (let i = 0; i < 40 && signal(pid, 0); i += 1) await wait(25);
  }
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  process.exit(0);
}

function signal(pid, name) {
  try {
    process.kill(pid, name);
    return true;
  } catch {
    return false;
  }
}
