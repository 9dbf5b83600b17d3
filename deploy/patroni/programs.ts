/** The programs that a cluster is made of, as Debian installs them; `deploy/patroni/install` brings those that lack. */
import { execFileSync } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import path from 'node:path';

export interface Programs {
  /** The folder of PostgreSQL's own. */
  readonly postgres: string;
  readonly patroni: string;
  readonly patronictl: string;
  readonly etcd: string;
  readonly haproxy: string;
  readonly pgbouncer: string;
}

/** First where `install` puts what it brings beside that which Debian has installed. */
const FOLDERS = ['/usr/local/lib/plexy-pay', '/usr/local/bin', '/usr/local/sbin', '/usr/bin', '/usr/sbin'];
/** Transaction mode with prepared statements. */
const PGBOUNCER = [1, 21] as const;
/** Debian 12's 3.0.2 takes the leader's lock from another host when a network heals, and acknowledged payments are lost. */
const PATRONI = [3, 1] as const;

/** @returns the programs, or the names of those that are not here */
export function findPrograms(): Programs | readonly string[] {
  const patroni = candidates('patroni').find((file) => isNewEnough(file, PATRONI));
  const found = {
    postgres: postgresFolder(),
    patroni,
    patronictl: patroni && path.join(path.dirname(patroni), 'patronictl'),
    etcd: candidates('etcd')[0],
    haproxy: candidates('haproxy')[0],
    pgbouncer: candidates('pgbouncer').find((file) => isNewEnough(file, PGBOUNCER)),
  };
  const { postgres, patronictl, etcd, haproxy, pgbouncer } = found;
  if (postgres && patroni && patronictl && etcd && haproxy && pgbouncer)
    return { postgres, patroni, patronictl, etcd, haproxy, pgbouncer };
  const names: Record<string, string> = {
    postgres: 'PostgreSQL 15 or newer',
    patroni: `Patroni ${PATRONI.join('.')} or newer`,
    pgbouncer: `PgBouncer ${PGBOUNCER.join('.')} or newer`,
  };
  return Object.entries(found).flatMap(([name, file]) =>
    file === undefined && name !== 'patronictl' ? [names[name] ?? name] : [],
  );
}

/** The one that `patroni.yml` names, else the newest: a Patroni does not know the PostgreSQL of years after it. */
function postgresFolder(): string | undefined {
  const folders = globSync('/usr/lib/postgresql/*/bin').filter((bin) =>
    existsSync(path.join(bin, 'postgres')),
  );
  const versionOf = (bin: string): number => Number(bin.split('/')[4]);
  const usable = folders.filter((bin) => versionOf(bin) >= 15).sort((a, b) => versionOf(a) - versionOf(b));
  return usable.find((bin) => versionOf(bin) === 15) ?? usable.at(-1);
}

function candidates(name: string): string[] {
  return FOLDERS.map((folder) => path.join(folder, name)).filter((file) => existsSync(file));
}

function isNewEnough(file: string, [major, minor]: readonly [number, number]): boolean {
  const said = execFileSync(file, ['--version'], { encoding: 'utf8' });
  const [, itsMajor = '0', itsMinor = '0'] = /(\d+)\.(\d+)/.exec(said) ?? [];
  return Number(itsMajor) > major || (Number(itsMajor) === major && Number(itsMinor) >= minor);
}
