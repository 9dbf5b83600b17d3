import { type FaultPlan, type FaultSwitch, faultPlans, type Operation, strikes } from './domain/faults.ts';
import type { Pool } from './store/database.ts';
import { readFaults, saveFault } from './store/rows.ts';

/** The faults that are switched on: in memory for every request, in the database for the next start. */
export interface FaultSwitches {
  list(): FaultSwitch[];
  set(fault: FaultSwitch): Promise<void>;
  /** Learns what another process of this bank has switched. */
  reload(): Promise<void>;
  /** Forgets them all; the caller has wiped the table. */
  clear(): void;
  /** The fault that strikes this delivery: the merchant's own switch before the one for everybody. */
  strike(operation: Operation, merchantId: string | undefined, requestId: string): FaultPlan | undefined;
  /** The merchant that sent a request which a fault may have kept out of the books. */
  senderOf(requestId: string): string | undefined;
}

/** Enough for any test; a bound, because the bank may run for weeks with a switch left on. */
const sendersKept = 100_000;

export async function loadFaultSwitches(pool: Pool): Promise<FaultSwitches> {
  const switches = new Map((await readFaults(pool)).map((fault) => [fault.merchantId, fault]));
  /** How often each request was delivered, counted only while some switch strikes at random. */
  const deliveries = new Map<string, number>();

  /** Who sent what while faults were on: a bank that is down for a merchant is so for its inquiries too. */
  const senders = new Map<string, string>();
  /** Counts changes: what was read before one is out of date. */
  let changes = 0;

  function remember(requestId: string, merchantId: string | undefined): void {
    if (merchantId === undefined) return;
    if (senders.size >= sendersKept) senders.clear();
    senders.set(requestId, merchantId);
  }

  function countDelivery(operation: Operation, requestId: string): number {
    if ([...switches.values()].every((fault) => fault.probability === 1)) return 0;
    const key = `${operation}:${requestId}`;
    const count = deliveries.get(key) ?? 0;
    deliveries.set(key, count + 1);
    return count;
  }

  return {
    list: () => [...switches.values()],
    async reload() {
      const before = changes;
      const current = await readFaults(pool);
      if (changes !== before) return;
      switches.clear();
      for (const fault of current) switches.set(fault.merchantId, fault);
    },
    async set(fault) {
      changes += 1;
      await saveFault(pool, fault);
      changes += 1;
      deliveries.clear();
      if (fault.mode === 'none') switches.delete(fault.merchantId);
      else switches.set(fault.merchantId, fault);
    },
    clear() {
      changes += 1;
      switches.clear();
      deliveries.clear();
      senders.clear();
    },
    senderOf: (requestId) => senders.get(requestId),
    strike(operation, merchantId, requestId) {
      if (switches.size === 0) return undefined;
      remember(requestId, merchantId);
      const count = countDelivery(operation, requestId);
      const candidates = [
        merchantId === undefined ? undefined : switches.get(merchantId),
        switches.get(null),
      ];
      const fault = candidates.find((one) => one && strikes(one, operation, requestId, count));
      return fault && { ...faultPlans[fault.mode], delayMs: fault.delayMs };
    },
  };
}
