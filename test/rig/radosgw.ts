import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePorts } from './free-port.js';
import { Household, scrubbedEnv } from './household.js';
import { installRadosgw, radosgwPrograms } from './install-radosgw.js';
import { NotHere, type S3Facts, type S3Server } from './s3-server.js';
import { sdkMakeBucket, Witness } from './sdk.js';
import { untilAnswers } from './until-answers.js';
import { findProgram } from './versitygw.js';

const run = promisify(execFile);

/** A whole Ceph of one monitor, one OSD in memory and one gateway: every port free, every file in a folder of its own. */
export async function startRadosgw(): Promise<S3Server> {
  if (radosgwPrograms.some((name) => findProgram(name) === undefined)) await installRadosgw();
  const missing = radosgwPrograms.filter((name) => findProgram(name) === undefined);
  if (missing.length > 0) throw new NotHere(`not on PATH: ${missing.join(', ')}`);

  for (let attempt = 1; ; attempt += 1) {
    const home = await Household.begin('radosgw');
    try {
      return await startIn(home);
    } catch (error) {
      const words = await lastWords(home.folder);
      await home.end();
      const message = `radosgw did not start: ${(error as Error).message}\n${words}`;
      if (attempt === attempts) throw new Error(message, { cause: error });
      console.log(`rig: ${message.split('\n')[0]}; once more`);
    }
  }
}

/**
 * A port may be taken between our finding it free and Ceph's binding it; and in one start of ten the OSD asks the monitor
 * before it knows the cluster's id, is told "wrong fsid", and ends (16.2.15). Both show within a second.
 */
const attempts = 6;

async function lastWords(folder: string): Promise<string> {
  const logs = ['mon.log', 'osd.log', 'rgw.log'].map(async (name) => {
    const text = await readFile(join(folder, name), 'utf8').catch(() => '');
    return `${name}: ${text.trim().slice(-600)}`;
  });
  return (await Promise.all(logs)).join('\n');
}

async function startIn(home: Household): Promise<S3Server> {
  const [s3Port, monPort] = await freePorts(2);
  const id = randomUUID();
  const conf = join(home.folder, 'ceph.conf');
  await Promise.all(['mon', 'osd', 'rgw', 'run'].map((name) => mkdir(join(home.folder, name))));
  await writeFile(join(home.folder, 'keyring'), '');
  await writeFile(conf, confText(home.folder, id, s3Port!, monPort!));
  // Ceph's tools wait for ever for a monitor or an OSD that does not come up.
  const patience = { timeout: 40_000, killSignal: 'SIGKILL' } as const;
  const ceph = (program: string, ...args: string[]) =>
    run(program, ['-c', conf, ...args], { env: scrubbedEnv(), ...patience });

  const map = join(home.folder, 'monmap');
  await run('monmaptool', ['--create', '--fsid', id, '--addv', 'a', `v1:127.0.0.1:${monPort}`, map]);
  await ceph('ceph-mon', '--mkfs', '-i', 'a', '--monmap', map);
  // -f: in the foreground, so that the pid we know is the pid to end.
  home.start('mon', 'ceph-mon', ['-c', conf, '-i', 'a', '-f']);
  await ceph('ceph', '--connect-timeout', '30', 'osd', 'create');
  await ceph('ceph-osd', '-i', '0', '--mkfs');
  home.start('osd', 'ceph-osd', ['-c', conf, '-i', '0', '-f']);
  home.start('rgw', 'radosgw', ['-c', conf, '-n', 'client.rgw.a', '-f']);
  const endpoint = `http://127.0.0.1:${s3Port}`;
  // First the gateway, then its tool: both make the pools they miss, and at once they can wait for each other for ever.
  await untilAnswers(endpoint, home, 60);

  const makeUser = async (name: string) => {
    const credentials = { accessKeyId: name, secretAccessKey: `${name}secret` };
    await ceph(
      'radosgw-admin',
      ...['user', 'create', `--uid=${name}`, `--display-name=${name}`],
      ...[`--access-key=${credentials.accessKeyId}`, `--secret-key=${credentials.secretAccessKey}`],
    );
    return credentials;
  };
  const credentials = await makeUser('test');
  const stranger = { credentials: await makeUser('other'), principal: 'arn:aws:iam:::user/other' };
  const facts = {
    name: 'radosgw',
    version: /version (\S+)/.exec((await run('radosgw', ['--version'])).stdout)?.[1] ?? 'unknown',
    endpoint,
    region: 'us-east-1',
    credentials,
  };
  await untilBucketsWork(facts);
  const log = join(home.folder, 'client.rgw.a.log');
  await wait(logDelayMs);
  const before = servedIn(log);
  return {
    ...facts,
    stranger,
    counted: 'served',
    requests: () => servedIn(log) - before,
    makeBucket: (name, { versioned = false } = {}) => sdkMakeBucket(facts, name, versioned),
    stop: () => home.end(),
  };
}

/** The pools are made with the first bucket and the first object, which takes seconds: until their placement groups are up it is a 500. */
async function untilBucketsWork(facts: S3Facts): Promise<void> {
  for (let left = 60; ; left -= 1) {
    try {
      await sdkMakeBucket(facts, 'rig-ready');
      const witness = new Witness(facts, 'rig-ready');
      await witness.put('ready', new Uint8Array(1));
      await witness.remove('ready');
      witness.close();
      return;
    } catch (error) {
      if (left === 0) throw error;
      await wait(500);
    }
  }
}

/** The log is written by a thread of its own. */
const logDelayMs = 500;

/** The gateway's front end writes one such line for each request that it has answered (debug_rgw 1). */
function servedIn(log: string): number {
  try {
    return readFileSync(log, 'latin1').split(' beast: 0x').length - 1;
  } catch {
    return 0;
  }
}

function confText(folder: string, id: string, s3Port: number, monPort: number): string {
  return `[global]
fsid = ${id}
mon_host = v1:127.0.0.1:${monPort}
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_crush_chooseleaf_type = 0
osd_objectstore = memstore
memstore_device_bytes = 8589934592
mon_max_pg_per_osd = 1000
mon_data = ${folder}/mon
osd_data = ${folder}/osd
rgw_data = ${folder}/rgw
run_dir = ${folder}/run
keyring = ${folder}/keyring
admin_socket = ${folder}/run/$name.asok
pid_file = ${folder}/run/$name.pid
log_file = ${folder}/$name.log
debug_rgw = 1
rgw_frontends = beast endpoint=127.0.0.1:${s3Port} tcp_nodelay=1
# Removed bodies leave memory within seconds; the default keeps them for two hours.
rgw_gc_obj_min_wait = 1
rgw_gc_processor_period = 2
rgw_gc_processor_max_time = 2
`;
}
