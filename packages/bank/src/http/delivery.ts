import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyReply } from 'fastify';
import { type FaultPlan, faultPlans } from '../domain/faults.ts';

export interface Answer {
  readonly statusCode: number;
  readonly body: object;
}

/** An answer that "never" comes is cut after this long, so that forgotten connections do not pile up. */
const neverMs = 60_000;

/** Half of an answer: JSON by its header, nothing that parses by its content. */
const garbage = '{"status":"appro\u0000\ufffd<html>';

/** Answers requests, or does to them what a fault plan says. */
export interface Deliverer {
  /** @param onUnheard told when something was done whose caller may have heard nothing of it, or gave up before */
  deliver(
    reply: FastifyReply,
    plan: FaultPlan | undefined,
    work: () => Promise<Answer>,
    onUnheard?: () => Promise<void>,
  ): Promise<unknown>;
  /** Cuts every caller that is being kept waiting. */
  stop(): void;
}

export function createDeliverer(): Deliverer {
  const stopping = new AbortController();
  // Every waiting caller listens to this one signal.
  const { signal } = stopping;
  return {
    stop: () => stopping.abort(),
    async deliver(reply, plan = faultPlans.none, work, onUnheard = async () => undefined) {
      if (plan.delayMs > 0 && !(await waited(plan.delayMs, signal))) return cut(reply);
      const answer = await doWork(plan, work);
      if (plan.works > 0 && (plan.answer !== 'normal' || plan.delayMs > 0)) await onUnheard();
      if (plan.answer === 'cut') return cut(reply);
      if (plan.answer === 'never') {
        reply.hijack();
        await waited(neverMs, signal);
        return cut(reply);
      }
      if (plan.answer === 'garbage') return reply.type('application/json').send(garbage);
      return reply.code(answer.statusCode).send(answer.body);
    },
  };
}

/** Two works run at once, as when the network delivers a request twice; either answer will do. */
async function doWork(plan: FaultPlan, work: () => Promise<Answer>): Promise<Answer> {
  if (plan.works === 0) return unavailable;
  const answers = await Promise.all(plan.works === 2 ? [work(), work()] : [work()]);
  return answers.at(-1) ?? unavailable;
}

const unavailable: Answer = {
  statusCode: 503,
  body: { error: 'unavailable', message: 'the bank is down; nothing was done' },
};

/** False when the wait was ended early, by the stop of this process. */
async function waited(delayMs: number, signal: AbortSignal): Promise<boolean> {
  try {
    await sleep(delayMs, undefined, { signal });
    return true;
  } catch {
    return false;
  }
}

function cut(reply: FastifyReply): FastifyReply {
  reply.hijack();
  reply.raw.socket?.destroy();
  return reply;
}
