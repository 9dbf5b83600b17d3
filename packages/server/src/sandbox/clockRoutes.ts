import type { FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import { v7 as uuidv7 } from 'uuid';
import type { Deps } from '../app/deps.ts';
import { auditActorOf } from '../auditLog/auditActor.ts';
import { insertAuditEntries } from '../auditLog/auditLogSql.ts';
import { iso } from '../core/values/time.ts';
import { type Claim, insertKeys, readResponses } from '../engine/batchSql.ts';
import type { App } from '../http/baseApp.ts';
import { ApiError, fieldError } from '../http/errors.ts';
import { fingerprintOf, idempotencyKeyOf, otherFingerprintsOf } from '../http/idempotencyKey.ts';
import { sendJson } from '../http/runCommand.ts';
import * as schemas from '../http/schemas.ts';
import { MANAGER, merchantOf, VIEWER } from '../identity/auth.ts';
import { sqlStateOf } from '../postgres/databaseErrors.ts';
import { type Advanced, advanceClock } from './clock.ts';
import { type Clock, readClockState } from './clockSql.ts';

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
  const { pool, clockTurns, engine, webhooks } = deps;
  const claim = claimOf(deps, request);
  const { body, replayed } = await clockTurns.run(async (client) => {
    const earlier = claim === null ? null : await replayOf(deps, request, claim);
    if (earlier !== null) return { body: earlier, replayed: true };
    const advanced = await advanceClock(pool, engine, advanceSeconds * 1_000, () => webhooks.wake());
    if (advanced === null) {
      const rule = 'would move the clock more than a hundred years ahead; reset the sandbox first';
      throw fieldError('invalid_request', 'advanceSeconds', rule);
    }
    const made = JSON.stringify(advancedView(advanced));
    const { merchantId } = merchantOf(request);
    const object = { kind: 'clock', id: null };
    const change = { action: 'sandbox.advance_clock', object, after: { advanceSeconds } } as const;
    await insertAuditEntries(client, [{ ...change, actor: auditActorOf(request), merchantId }]);
    // Last, so that readers of events do not wait for it. Somebody else may have used the key in the meantime.
    if (claim !== null)
      await insertKeys(client, [{ ...claim, response: made }]).catch((error: unknown) => {
        throw sqlStateOf(error) === UNIQUE_VIOLATION ? new ApiError('idempotency_key_reused') : error;
      });
    return { body: made, replayed: false };
  });
  if (replayed) reply.header('idempotency-replayed', 'true');
  return sendJson(reply, 200, body);
}

/** The key with which the answer will be stored; null without a key. */
function claimOf(deps: Deps, request: FastifyRequest): Claim | null {
  const key = idempotencyKeyOf(request, false);
  if (key === null) return null;
  const { merchantId: scopeId } = merchantOf(request);
  const fingerprint = fingerprintOf(deps.secrets, 'POST', PATH, request.body ?? null);
  return { scopeId, key, fingerprint, effectId: uuidv7(), effectSeq: 0, statusCode: 200, response: null };
}

/** @throws ApiError 422 when the key was used for something else */
async function replayOf(deps: Deps, request: FastifyRequest, claim: Claim): Promise<string | null> {
  const [stored] = await readResponses(deps.pool, [claim]);
  if (stored === undefined) return null;
  const others = otherFingerprintsOf(deps.secrets, 'POST', PATH, request.body ?? null);
  if (stored.fingerprint !== claim.fingerprint && !others.includes(stored.fingerprint))
    throw new ApiError('idempotency_key_reused');
  return stored.response;
}

function clockView({ now, offsetMs }: Clock) {
  return { now: iso(now), offsetSeconds: offsetMs / 1_000 };
}

function advancedView({ settled, ...reached }: Advanced) {
  return { ...clockView(reached), settled };
}
