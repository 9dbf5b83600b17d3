import type { AuditEntry } from '../auditLog/auditEntry.ts';
import type { BankControl } from './bankControl.ts';
import type { ClockTurns } from './clockSql.ts';

/** What only a sandbox has. */
export interface Sandbox {
  /** The levers of the simulated bank. */
  readonly bankControl: BankControl;
  /** Of those who move the sandbox's clock. */
  readonly clockTurns: ClockTurns;
  /** Puts everything back to its seed. @param asked what its audit log begins with */
  readonly reset: (asked: AuditEntry) => Promise<void>;
  /** Whether a request with this Host header may be answered. */
  readonly isOwnHost: (header: string | undefined) => boolean;
}

/** For the routes that are in a sandbox only. */
export function sandboxOf({ sandbox }: { readonly sandbox: Sandbox | null }): Sandbox {
  if (sandbox === null) throw new Error('this is no sandbox');
  return sandbox;
}
