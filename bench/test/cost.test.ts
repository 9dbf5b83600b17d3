/**
 * What a payment costs PostgreSQL is what is recorded, within 5 %: whoever makes it dearer sees it here, and whoever makes it
 * cheaper writes down the new figure.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { POSTGRES_MISSING, runAsPostgres } from '../../packages/server/test/support/postgres.ts';
import { needs } from '../../packages/server/test/support/programs.ts';
import { type Costs, measureCosts } from '../cost.ts';
import type { Undo } from '../undo.ts';

const TOLERANCE = 0.05;

interface Recorded {
  /** Instructions are of one version's program. */
  readonly postgresMajor: number;
  readonly costs: Costs;
}
const recorded: Recorded = JSON.parse(await readFile(new URL('../cost.json', import.meta.url), 'utf8'));

async function hasPrograms(): Promise<boolean> {
  if (POSTGRES_MISSING !== false) return false;
  const version = await runAsPostgres('postgres', ['-V']).catch(() => '');
  if (!version.includes(` ${recorded.postgresMajor}.`)) return false;
  return runAsPostgres('/usr/bin/valgrind', ['--version']).then(
    () => true,
    () => false,
  );
}

describe(
  'what a payment costs PostgreSQL',
  needs(await hasPrograms(), `Debian's postgresql-${recorded.postgresMajor} and valgrind`),
  () => {
    const undo: Undo = [];
    let costs: Costs;
    before(async () => {
      ({ costs } = await measureCosts(undo, { rounds: 7 }));
    });
    after(async () => {
      for (const step of undo.reverse()) await step();
    });

    for (const name of Object.keys(recorded.costs) as (keyof Costs)[])
      for (const unit of ['instructions', 'wal'] as const)
        test(`${name}: ${unit === 'wal' ? 'bytes of the log' : 'thousand instructions'}`, (t) => {
          const [was, is] = [recorded.costs[name][unit], costs[name][unit]];
          t.diagnostic(`recorded ${was}, measured ${is}`);
          assert.ok(
            Math.abs(is / was - 1) <= TOLERANCE,
            `${is} where ${was} is recorded: if that is meant, write it into bench/cost.json, and why into the commit`,
          );
        });
  },
);
