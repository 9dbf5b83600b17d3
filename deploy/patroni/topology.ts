/**
 * A whole installation on one machine, from the configuration files of this folder: etcd, PostgreSQL under Patroni and
 * PgBouncer on three hosts, HAProxy on one, and a node of Plexy Pay on each of two.
 *
 *   clients ── lb: HAProxy :8080 ──┬── app1: node ──┐
 *                                  └── app2: node ──┴── lb: HAProxy :5000 ── PgBouncer and PostgreSQL of the primary
 */
import { execFile, execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, chown, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Host, Network } from './network.ts';
import type { Programs } from './programs.ts';
import { Service } from './service.ts';

const run = promisify(execFile);

const FILES = import.meta.dirname;
const REPOSITORY = path.join(FILES, '../..');
/** The example network of the configuration files. */
const EXAMPLE = '10.77.0.';

const DATABASE_HOSTS = { db1: 11, db2: 12, db3: 13 } as const;
const NODE_HOSTS = { app1: 21, app2: 22 } as const;
const LOAD_BALANCER = { lb: 10 } as const;

export type DatabaseHost = keyof typeof DATABASE_HOSTS;
export type NodeHost = keyof typeof NODE_HOSTS;

/** A member of the cluster, as Patroni tells of it. */
export interface Member {
  readonly name: DatabaseHost;
  readonly role: 'leader' | 'sync_standby' | 'replica';
  readonly state: string;
}

export interface TopologyOptions {
  /** For data, logs and configuration files. Everybody must be able to pass through it. */
  readonly folder: string;
  /** For logs, where they are to be kept apart. */
  readonly logs?: string | undefined;
  readonly network: Network;
  readonly programs: Programs;
  /** Variables of the nodes, besides those that say where things are. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Variables of everything that is started, so that a run knows what is its own. */
  readonly runEnvironment: Readonly<Record<string, string | undefined>>;
}

/** @returns the hosts of a topology on the network with this prefix, such as `10.77.0` */
export function hostsOf(prefix: string): readonly Host[] {
  return Object.entries({ ...LOAD_BALANCER, ...DATABASE_HOSTS, ...NODE_HOSTS }).map(([name, last]) => ({
    name,
    address: `${prefix}.${last}`,
  }));
}

/** Secrets of a cluster: made with it, and kept in its folder. */
interface Passwords {
  readonly PATRONI_SUPERUSER_PASSWORD: string;
  readonly PATRONI_REPLICATION_PASSWORD: string;
  readonly PATRONI_RESTAPI_USERNAME: string;
  readonly PATRONI_RESTAPI_PASSWORD: string;
  readonly PLEXY_PASSWORD: string;
  readonly SECRET_KEY: string;
}

/** Whom PostgreSQL and what belongs to it runs as: it refuses root. */
const OWNER =
  process.getuid?.() === 0
    ? {
        uid: Number(execFileSync('id', ['-u', 'postgres'])),
        gid: Number(execFileSync('id', ['-g', 'postgres'])),
      }
    : null;

export class Topology {
  readonly #options: TopologyOptions;
  readonly #passwords: Passwords;
  readonly #services = new Map<string, Service>();

  private constructor(options: TopologyOptions, passwords: Passwords) {
    this.#options = options;
    this.#passwords = passwords;
  }

  /** Writes the configuration files into the folder; nothing runs yet. */
  static async create(options: TopologyOptions): Promise<Topology> {
    const topology = new Topology(options, await passwordsOf(options.folder));
    await topology.#writeFiles();
    return topology;
  }

  /** Where merchants reach it. */
  get url(): string {
    return `http://${this.addressOf('lb')}:8080`;
  }

  get databaseUrl(): string {
    return this.#databaseUrl(this.addressOf('lb'), 5000);
  }

  get directUrl(): string {
    return this.#databaseUrl(this.addressOf('lb'), 5001);
  }

  get replicaUrl(): string {
    return this.#databaseUrl(this.addressOf('lb'), 5002);
  }

  get statusUrl(): string {
    return `http://${this.addressOf('lb')}:8405/`;
  }

  get databaseHosts(): readonly DatabaseHost[] {
    return Object.keys(DATABASE_HOSTS) as DatabaseHost[];
  }

  get nodeHosts(): readonly NodeHost[] {
    return Object.keys(NODE_HOSTS) as NodeHost[];
  }

  /** `patronictl` of this cluster, with its configuration and password. */
  get patronictlFile(): string {
    return path.join(this.#options.folder, 'patronictl');
  }

  addressOf(name: string): string {
    const host = hostsOf(this.#options.network.prefix).find((one) => one.name === name);
    if (host === undefined) throw new Error(`there is no host ${name}`);
    return host.address;
  }

  /** The operators' API of a node, which listens on the node's own host. */
  adminUrlOf(host: NodeHost): string {
    return `http://${this.addressOf(host)}:9090`;
  }

  service(
    name: 'haproxy' | `${'etcd' | 'patroni' | 'pgbouncer'}-${DatabaseHost}` | `node-${NodeHost}`,
  ): Service {
    const service = this.#services.get(name);
    if (service === undefined) throw new Error(`there is no service ${name}`);
    return service;
  }

  /** Starts the database and what leads to it, and waits until it takes writes and has a synchronous standby. */
  async startDatabase(): Promise<void> {
    for (const host of this.databaseHosts) this.service(`etcd-${host}`).start();
    for (const host of this.databaseHosts) this.service(`patroni-${host}`).start();
    for (const host of this.databaseHosts) this.service(`pgbouncer-${host}`).start();
    this.service('haproxy').start();
    await this.allMembersRun();
  }

  /** Starts the nodes, and waits until HAProxy sends requests to them. */
  async startNodes(): Promise<void> {
    for (const host of this.nodeHosts) this.service(`node-${host}`).start();
    for (const host of this.nodeHosts) await this.ready(host);
    await until('HAProxy finds the nodes', async () => (await statusOf(`${this.url}/health`)) === 200);
  }

  /** Waits until a node says that it is ready. */
  async ready(host: NodeHost): Promise<void> {
    const service = this.service(`node-${host}`);
    await until(
      `${host} is ready`,
      async () => (await statusOf(`http://${this.addressOf(host)}:8080/ready`)) === 200,
      () => service.output(),
    );
  }

  /** Has everything end in order: what uses something before what is used. */
  async stop(): Promise<void> {
    const named = (begin: string): Service[] =>
      [...this.#services.values()].filter(({ name }) => name.startsWith(begin));
    for (const kind of ['node-', 'haproxy', 'pgbouncer-', 'patroni-', 'etcd-'])
      await Promise.all(named(kind).map((service) => service.stop()));
  }

  /** The members of the cluster as the first host tells that answers. */
  async members(): Promise<readonly Member[]> {
    for (const host of this.databaseHosts) {
      const answer = await fetch(`http://${this.addressOf(host)}:8008/cluster`, {
        signal: AbortSignal.timeout(2_000),
      }).catch(() => null);
      if (answer?.ok === true) return ((await answer.json()) as { members: Member[] }).members;
    }
    return [];
  }

  /** The host whose PostgreSQL takes writes, as it says itself; null while there is none. */
  async primary(): Promise<DatabaseHost | null> {
    for (const host of this.databaseHosts)
      if ((await statusOf(`http://${this.addressOf(host)}:8008/primary`)) === 200) return host;
    return null;
  }

  /** Waits until all members run, one of them the leader and one its synchronous standby. */
  async allMembersRun(): Promise<readonly Member[]> {
    let members: readonly Member[] = [];
    const isWhole = async (): Promise<boolean> => {
      members = await this.members();
      const roles = members.map(({ role }) => role);
      const running = members.filter(({ state }) => state === 'running' || state === 'streaming');
      return (
        running.length === this.databaseHosts.length &&
        roles.includes('leader') &&
        roles.includes('sync_standby')
      );
    };
    await until('all members of the cluster run', isWhole, async () => JSON.stringify(members));
    return members;
  }

  /** `patronictl` with these arguments. */
  async patronictl(args: readonly string[]): Promise<string> {
    const { stdout } = await run(this.patronictlFile, [...args], { env: this.#environment, cwd: '/' });
    return stdout;
  }

  /** The process id of a host's PostgreSQL; null when it does not run. */
  async postmasterOf(host: DatabaseHost): Promise<number | null> {
    const text = await readFile(path.join(this.#folderOf(host), 'data/postmaster.pid'), 'utf8').catch(
      () => '',
    );
    const pid = Number(text.split('\n')[0]);
    return pid > 0 && existsSync(`/proc/${pid}`) ? pid : null;
  }

  /** The superuser's URL of one host's PostgreSQL. */
  superuserUrl(host: DatabaseHost): string {
    return `postgres://postgres:${this.#passwords.PATRONI_SUPERUSER_PASSWORD}@${this.addressOf(host)}:5432/plexy`;
  }

  get #environment(): Readonly<Record<string, string | undefined>> {
    const { SECRET_KEY: _, ...passwords } = this.#passwords;
    return { PATH: process.env.PATH, LC_ALL: 'C.UTF-8', ...passwords, ...this.#options.runEnvironment };
  }

  #databaseUrl(address: string, port: number): string {
    return `postgres://plexy:${this.#passwords.PLEXY_PASSWORD}@${address}:${port}/plexy`;
  }

  #folderOf(host: string): string {
    return path.join(this.#options.folder, host);
  }

  async #writeFiles(): Promise<void> {
    const { programs } = this.#options;
    for (const host of this.databaseHosts) {
      const folder = this.#folderOf(host);
      await mkdir(folder, { recursive: true });
      if (OWNER !== null) await chown(folder, OWNER.uid, OWNER.gid);
      const write = (name: string, text: string, mode: number): Promise<void> =>
        this.#write(path.join(folder, name), text, mode);
      for (const name of ['patroni.yml', 'pgbouncer.ini', 'create-database'])
        await write(name, this.#rendered(name, host), name === 'create-database' ? 0o755 : 0o644);
      await write('userlist.txt', `"plexy" "${this.#passwords.PLEXY_PASSWORD}"\n`, 0o600);
      const owned =
        OWNER === null ? [] : ['setpriv', '--reuid=postgres', '--regid=postgres', '--init-groups'];
      const file = (name: string): string => path.join(folder, name);
      const etcd = Object.fromEntries(variablesOf(this.#rendered('etcd.conf', host)));
      this.#add(`etcd-${host}`, host, [...owned, programs.etcd], { ...this.#environment, ...etcd });
      this.#add(
        `patroni-${host}`,
        host,
        [...owned, programs.patroni, file('patroni.yml')],
        this.#environment,
      );
      const pgbouncer = [...owned, programs.pgbouncer, file('pgbouncer.ini')];
      // SIGTERM would wait until its clients have gone.
      this.#add(`pgbouncer-${host}`, host, pgbouncer, this.#environment, 'SIGINT');
    }
    const { PATRONI_RESTAPI_USERNAME, PATRONI_RESTAPI_PASSWORD } = this.#passwords;
    const patronictl = `#!/bin/sh
PATRONI_RESTAPI_USERNAME=${PATRONI_RESTAPI_USERNAME} PATRONI_RESTAPI_PASSWORD=${PATRONI_RESTAPI_PASSWORD} \\
  exec '${programs.patronictl}' -c '${path.join(this.#folderOf('db1'), 'patroni.yml')}' "$@"
`;
    await this.#write(this.patronictlFile, patronictl, 0o700);
    const haproxy = path.join(this.#options.folder, 'haproxy.cfg');
    await this.#write(haproxy, this.#rendered('haproxy.cfg', 'lb'), 0o644);
    this.#add('haproxy', 'lb', [programs.haproxy, '-db', '-f', haproxy], this.#environment);
    for (const host of this.nodeHosts) this.#addNode(host);
  }

  #addNode(host: NodeHost): void {
    const main = path.join(REPOSITORY, 'packages/server/src/main.ts');
    this.#add(`node-${host}`, host, [process.execPath, main], {
      ...{ PATH: process.env.PATH, ...this.#options.runEnvironment },
      ...{ HOST: this.addressOf(host), ADMIN_HOST: this.addressOf(host), PORT: '8080' },
      ...{ DATABASE_URL: this.databaseUrl, DATABASE_DIRECT_URL: this.directUrl },
      DATABASE_REPLICA_URL: this.replicaUrl,
      ...{ TRUSTED_PROXIES: this.addressOf('lb'), SECRET_KEY: this.#passwords.SECRET_KEY },
      ...this.#options.environment,
    });
  }

  #add(
    name: string,
    host: string,
    command: readonly string[],
    environment: Readonly<Record<string, string | undefined>>,
    stopSignal: NodeJS.Signals = 'SIGTERM',
  ): void {
    const log = path.join(this.#options.logs ?? this.#options.folder, `${name}.log`);
    const options = { name, command: [...this.#options.network.on(host), ...command], environment, log };
    this.#services.set(name, new Service({ ...options, stopSignal }));
  }

  async #write(file: string, text: string, mode: number): Promise<void> {
    await writeFile(file, text, { mode });
    await chmod(file, mode);
    if (OWNER !== null) await chown(file, OWNER.uid, OWNER.gid);
  }

  /** A configuration file of this folder for a host: its name, its address and the places on this machine filled in. */
  #rendered(name: string, host: string): string {
    const folder = this.#folderOf(host);
    const places: readonly (readonly [string, string])[] = [
      // biome-ignore lint/suspicious/noTemplateCurlyInString: as envsubst has them
      ['${NAME}', host],
      // biome-ignore lint/suspicious/noTemplateCurlyInString: as envsubst has them
      ['${ADDRESS}', this.addressOf(host)],
      [EXAMPLE, `${this.#options.network.prefix}.`],
      ['/etc/patroni/', `${folder}/`],
      ['/etc/pgbouncer/', `${folder}/`],
      ['/var/lib/postgresql/15/plexy', `${folder}/data`],
      ['/var/lib/postgresql/', `${folder}/`],
      ['/var/lib/etcd/plexy', `${folder}/etcd`],
      ['/usr/lib/postgresql/15/bin', this.#options.programs.postgres],
      // The path of a socket has at most 107 characters; everything here connects by TCP.
      ['unix_socket_directories: /var/run/postgresql', "unix_socket_directories: ''"],
      ['log /dev/log local0', 'log stdout format raw local0'],
    ];
    const text = readFileSync(path.join(FILES, name), 'utf8');
    return places.reduce((done, [from, to]) => done.replaceAll(from, to), text);
  }
}

/** The variables of an environment file. */
function variablesOf(text: string): [string, string][] {
  return text.split('\n').flatMap((line): [string, string][] => {
    const [, name, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
    return name === undefined || value === undefined ? [] : [[name, value]];
  });
}

async function passwordsOf(folder: string): Promise<Passwords> {
  const file = path.join(folder, 'secrets.json');
  if (existsSync(file)) return JSON.parse(await readFile(file, 'utf8'));
  const password = (): string => randomBytes(24).toString('hex');
  const passwords = {
    PATRONI_SUPERUSER_PASSWORD: password(),
    PATRONI_REPLICATION_PASSWORD: password(),
    PATRONI_RESTAPI_USERNAME: 'patroni',
    PATRONI_RESTAPI_PASSWORD: password(),
    PLEXY_PASSWORD: password(),
    SECRET_KEY: password(),
  };
  await writeFile(file, JSON.stringify(passwords), { mode: 0o600 });
  return passwords;
}

/** @returns the status of an answer; null when there was none within two seconds */
export async function statusOf(url: string): Promise<number | null> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) }).catch(() => null);
  await answer?.arrayBuffer().catch(() => undefined);
  return answer?.status ?? null;
}

const PATIENCE_MS = 120_000;
const LOOK_EVERY_MS = 200;

/** Waits until something is so. @throws Error after two minutes, with what `explain` says */
export async function until(
  what: string,
  isSo: () => Promise<boolean>,
  explain: () => Promise<string> = async () => '',
): Promise<void> {
  const limit = performance.now() + PATIENCE_MS;
  while (!(await isSo())) {
    if (performance.now() > limit) throw new Error(`waited in vain until ${what}: ${await explain()}`);
    await delay(LOOK_EVERY_MS);
  }
}
