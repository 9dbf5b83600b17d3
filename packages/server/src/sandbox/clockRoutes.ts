import type { FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import type { Deps } from '../app/deps.ts';
import { insertAuditEntries } from '../auditLog/auditLogSql.ts';
import { iso } from '../core/values/time.ts';
import { insertKeys } from '../engine/batchSql.ts';
import { toldBefore } from '../engine/caller.ts';
import type { Told } from '../engine/engine.ts';
import type { App } from '../http/baseApp.ts';
import { merchantCallerOf } from '../http/caller.ts';
import { ApiError, fieldError } from '../http/errors.ts';
import { idempotencyKeyOf } from '../http/idempotencyKey.ts';
import * as schemas from '../http/schemas.ts';
import { sendTold } from '../http/send.ts';
import { MANAGER, VIEWER } from '../identity/auth.ts';
import { newId } from '../installation/newId.ts';
import { sqlStateOf } from '../postgres/databaseErrors.ts';
import { type Advanced, advanceClock } from './clock.ts';
import { type Clock, readClockState } from './clockSql.ts';
import { sandboxOf } from './sandbox.ts';

const PATH = '/v1/sandbox/clock';
const UNIQUE_VIOLATION = '23505';
const TEN_YEARS_S = 3_653 * 86_400;
const ClockBody = Type.Object(
  {
    advanceSeconds: Type.Integer({
      minimum: 1,
      maximum: TEN_YEARS_S,
      description: 'How far to move the clock forward; at most ten years at a time.',
      examples: [86_400],
    }),
  },
  schemas.closed,
);
const clock = {
  now: Type.String({ format: 'date-time', description: 'What the engine takes for now.' }),
  offsetSeconds: Type.Number({ description: 'How far that is ahead of real time.' }),
};
const SETTLED = Type.Boolean({
  description:
    'Whether everything that fell due has happened. False: after 20 s the bank, or a webhook’s receiver, had still not answered everything.',
});
const SANDBOX = { tags: ['Sandbox'], security: [{ merchantApiKey: [] }] };
const ERRORS = { '4xx': Type.Ref('Error'), '5xx': Type.Ref('Error') };

/** The test clock: one for all merchants and nodes. */
export function sandboxClockRoutes(app: App, deps: Deps): void {
  app.get(
    PATH,
    {
      config: VIEWER,
      schema: {
        ...SANDBOX,
        operationId: 'getSandboxClock',
        summary: 'Sandbox: what time it is',
        response: { 200: Type.Object(clock), ...ERRORS },
      },
    },
    async () => clockView(await readClockState(deps.pool)),
  );
  app.post(
    PATH,
    {
      config: MANAGER,
      schema: {
        ...SANDBOX,
        operationId: 'advanceSandboxClock',
        summary: 'Sandbox: move the clock forward, for all merchants',
        description:
          'Everything that falls due on the way happens before this answers, in its order: holds expire, automatic captures are made (with the bank’s answers), delayed decisions fall, confirmations and authentications lapse, webhooks are attempted again.',
        headers: schemas.IdempotencyHeader,
        body: ClockBody,
        response: { 200: Type.Object({ ...clock, settled: SETTLED }), ...ERRORS },
      },
    },
    async (request, reply) => advance(deps, request, reply, request.body.advanceSeconds),
  );
}

/** One advance at a time, so that each has the whole of its effect, and a repeated one is recognized. */
async function advance(
  deps: Deps,
  request: FastifyRequest,
  reply: FastifyReply,
  advanceSeconds: number,
): Promise<FastifyReply> {
  const { pool, engine, webhooks } = deps;
  const { clockTurns } = sandboxOf(deps);
  const caller = merchantCallerOf(deps, request, { key: idempotencyKeyOf(request, false), path: PATH });
  const told = await clockTurns.run(async (client): Promise<Told> => {
    const earlier = await toldBefore(pool, caller);
    if (earlier !== null) return earlier;
    const advanced = await advanceClock(pool, engine, advanceSeconds * 1_000, () => webhooks.wake());
    if (advanced === null) {
      const rule = 'would move the clock more than a hundred years ahead; reset the sandbox first';
      throw fieldError('invalid_request', 'advanceSeconds', rule);
    }
    const answer = { statusCode: 200, body: JSON.stringify(advancedView(advanced)) };
    const { merchantId, scopeId, key, fingerprint } = caller;
    const object = { kind: 'clock', id: null };
    const change = { action: 'sandbox.advance_clock', object, after: { advanceSeconds } } as const;
    await insertAuditEntries(client, [{ ...change, actor: caller.auditActor(), merchantId }]);
    // Last, so that readers of events do not wait for it. Somebody else may have used the key in the meantime.
    const stored = { statusCode: 200, response: answer.body, effectId: newId(), effectSeq: 0 };
    if (key !== null)
      await insertKeys(client, [{ scopeId, key, fingerprint, ...stored }]).catch((error: unknown) => {
        throw sqlStateOf(error) === UNIQUE_VIOLATION ? new ApiError('idempotency_key_reused') : error;
      });
    return { kind: 'answered', answer, replayed: false, outcome: null };
  });
  return sendTold(deps, request, reply, told);
}

function clockView({ now, offsetMs }: Clock) {
  return { now: iso(now), offsetSeconds: offsetMs / 1_000 };
}

function advancedView({ settled, ...reached }: Advanced) {
  return { ...clockView(reached), settled };
}
