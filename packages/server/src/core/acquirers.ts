/** Which acquirer a new card payment goes to, and what an acquirer can do. */

/** What not every acquirer can do. */
export const CAPABILITIES = [
  'partial_capture',
  'several_captures',
  'partial_reversal',
  'tokens',
  'merchant_initiated',
  'notifications',
] as const;
export type Capability = (typeof CAPABILITIES)[number];

/** The one that there was before there were several. Payments without a route go there. */
export const DEFAULT_ACQUIRER_ID = '00000000-0000-0000-0000-000000000001';

/** In place of the id of a merchant's credentials: nothing is kept for them, and the bank knows them by their id here. */
export const NO_CREDENTIALS_ID = '00000000-0000-0000-0000-000000000000';

/** Sends what it fits to an acquirer. Null fits everything. */
export interface AcquirerRoute {
  readonly merchantId: string | null;
  readonly paymentMethod: 'card' | null;
  readonly currency: string | null;
  readonly cardBrand: string | null;
  readonly acquirerId: string;
}

/** What a route is chosen by. */
export interface Routed {
  readonly merchantId: string;
  readonly paymentMethod: 'card';
  readonly currency: string;
  readonly cardBrand: string;
}

/** An acquirer as it is now. */
export interface AcquirerState {
  /** Whether new payments may go there: it is set up, and nobody has closed it. */
  readonly takesPayments: boolean;
  /** Whether it could not be reached a moment ago. */
  readonly isDown: boolean;
}

/**
 * The acquirers that may be asked, best first: those of the routes in their order, then the default. One that is down
 * comes after those that are not, since nothing was asked of any.
 */
export function acquirersFor(
  payment: Routed,
  routes: readonly AcquirerRoute[],
  stateOf: (acquirerId: string) => AcquirerState | undefined,
): string[] {
  const named = routes.filter((route) => fits(route, payment)).map(({ acquirerId }) => acquirerId);
  const ids = [...new Set([...named, DEFAULT_ACQUIRER_ID])];
  const open = ids.filter((id) => stateOf(id)?.takesPayments === true);
  const isDown = (id: string): boolean => stateOf(id)?.isDown === true;
  return [...open.filter((id) => !isDown(id)), ...open.filter(isDown)];
}

function fits(route: AcquirerRoute, payment: Routed): boolean {
  return (['merchantId', 'paymentMethod', 'currency', 'cardBrand'] as const).every(
    (name) => route[name] === null || route[name] === payment[name],
  );
}
