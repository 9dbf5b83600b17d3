/** The door of the sandbox. `app/` goes through it when MODE is sandbox; production loads nothing that is behind it. */
import { randomBytes } from 'node:crypto';
import type { Acquirer } from '../acquiring/acquirer.ts';
import type { AcquirerPlace } from '../acquiring/registry.ts';
import type { Config } from '../app/config.ts';
import { DEFAULT_ACQUIRER_ID } from '../core/acquirers.ts';
import type { Engine } from '../engine/engine.ts';
import type { Secrets } from '../installation/secrets.ts';
import type { Pool } from '../postgres/pool.ts';
import { createBankControl } from './bankControl.ts';
import { type BankOptions, type LaunchBank, startBank } from './bankProcess.ts';
import { ClockTurns } from './clockSql.ts';
import { PLAIN_ACQUIRER } from './fixtures.ts';
import { hostCheck } from './host.ts';
import { resetSandbox } from './reset.ts';
import type { Sandbox } from './sandbox.ts';

export { sandboxRoutes } from './routes.ts';
export { seedSandbox } from './seed.ts';

export interface SandboxDeps {
  readonly config: Config;
  readonly databaseUrl: string;
  readonly pool: Pool;
  readonly secrets: Secrets;
  readonly engine: Engine;
  readonly acquirer: Acquirer;
  readonly bank: { readonly places: ReadonlyMap<string, AcquirerPlace> };
  /** Hears that everything was reset. */
  readonly onReset: () => Promise<void>;
  readonly onClockLost: (error: unknown) => void;
}

export function createSandbox(deps: SandboxDeps): Sandbox {
  const { config, databaseUrl, bank, onReset } = deps;
  const bankControl = createBankControl([...bank.places.values()]);
  const clockTurns = new ClockTurns(databaseUrl, deps.onClockLost);
  return {
    bankControl,
    clockTurns,
    reset: async (asked) => {
      await resetSandbox({ ...deps, clockTurns, bank: bankControl }, asked);
      await onReset();
    },
    isOwnHost: hostCheck(config),
  };
}

/** The simulated banks, which are nowhere until their process is started. */
export function simulatedBank(
  options: Omit<BankOptions, 'secret'>,
  launch: LaunchBank = startBank,
  secret = randomBytes(24).toString('base64url'),
): { readonly places: ReadonlyMap<string, AcquirerPlace>; start(): Promise<() => Promise<void>> } {
  // Nobody answers there.
  let url = (): string => 'http://127.0.0.1:1';
  return {
    places: new Map([
      [DEFAULT_ACQUIRER_ID, { url: () => url(), secret }],
      [PLAIN_ACQUIRER.id, { url: () => `${url()}/plain`, secret }],
    ]),
    start: async () => {
      const started = await launch({ ...options, secret });
      url = started.url;
      return () => started.stop();
    },
  };
}
