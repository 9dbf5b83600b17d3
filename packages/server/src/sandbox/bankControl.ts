import Type from 'typebox';
import { BankUnreachableError } from '../acquiring/httpBank.ts';
import type { AcquirerPlace } from '../acquiring/registry.ts';
import { shapeOf } from '../http/shapes.ts';

/** How the sandbox's bank fails for one merchant. */
export const BANK_FAULTS = ['none', 'down', 'slow', 'timeouts'] as const;
export type BankFault = (typeof BANK_FAULTS)[number];

/** The bank's own words; a time-out is one after the work, so that only an inquiry finds out. */
const MODES: Readonly<Record<BankFault, string>> = {
  none: 'none',
  down: 'down',
  slow: 'slow',
  timeouts: 'timeout_worked',
};

const Switches = Type.Object({
  items: Type.Array(
    Type.Object({ merchantId: Type.Union([Type.String(), Type.Null()]), mode: Type.String() }),
  ),
});
const areSwitches = shapeOf(Switches);
const TIMEOUT_MS = 5_000;

/** The levers of the simulated banks, all of them at once. No real bank has them. */
export interface BankControl {
  /** How the bank fails for this merchant now. */
  faultOf(merchantId: string): Promise<BankFault>;
  setFault(merchantId: string, fault: BankFault): Promise<void>;
  /** Wipes the banks' books and switches. */
  reset(): Promise<void>;
}

/** Every method throws BankUnreachableError when the bank does not answer as it should. */
export function createBankControl(banks: readonly AcquirerPlace[]): BankControl {
  const call = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const answers = banks.map(({ url, secret }) => ask(`${url()}/v1${path}`, secret, method, body));
    return (await Promise.all(answers))[0];
  };
  return {
    faultOf: async (merchantId) => {
      const switches = await call('GET', '/faults');
      if (!areSwitches(switches)) throw new BankUnreachableError('the bank lists no switches');
      const mode = switches.items.find((item) => item.merchantId === merchantId)?.mode;
      return BANK_FAULTS.find((fault) => MODES[fault] === mode) ?? 'none';
    },
    setFault: async (merchantId, fault) => {
      await call('PUT', '/faults', { merchantId, mode: MODES[fault] });
    },
    reset: async () => {
      await call('POST', '/reset');
    },
  };
}

async function ask(url: string, secret: string, method: string, body?: unknown): Promise<unknown> {
  const type = body === undefined ? {} : { 'content-type': 'application/json' };
  const headers = { authorization: `Bearer ${secret}`, ...type };
  const payload = body === undefined ? {} : { body: JSON.stringify(body) };
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const response = await fetch(url, { method, headers, signal, redirect: 'error', ...payload });
    if (!response.ok) throw new BankUnreachableError(`the bank answered ${response.status}`);
    return await response.json();
  } catch (error) {
    if (error instanceof BankUnreachableError) throw error;
    throw new BankUnreachableError('the bank did not answer', { cause: error });
  }
}
