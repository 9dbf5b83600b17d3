/** Whether a password is easy to guess: common, repeated, a sequence, or made of what is known of its user. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

/** What the thread is given: the password, and words that belong to its user. */
export interface StrengthQuestion {
  readonly password: string;
  readonly words: readonly string[];
}

/** What the thread answers with: zxcvbn's score, from 0 to 4, and what it has to say. */
export interface StrengthAnswer {
  readonly score: number;
  readonly warning: string | null;
}

/** Of zxcvbn's: "safely unguessable, moderate protection from offline slow-hash scenario". */
const LEAST_SCORE = 3;
const ENTRY = new URL('./passwordStrengthThread.ts', import.meta.url);

let last: Promise<unknown> = Promise.resolve();

/**
 * What is wrong with a new password; null: it is fine. The dictionaries take seconds to load on a busy
 * machine, so that a thread does it that ends with its answer, one at a time: payments wait for none of it.
 */
export function weaknessOf(
  password: string,
  { email, name }: { readonly email: string; readonly name: string },
): Promise<string | null> {
  const words = [email, name, ...email.split(/[@.]/), ...name.split(/\s+/), 'plexy', 'plexypay'];
  const answer = last.then(() => ask({ password, words }));
  last = answer.catch(() => undefined);
  return answer.then(({ score, warning }) => {
    if (score >= LEAST_SCORE) return null;
    return `is too easy to guess${warning === null ? '' : `: ${warning.replace(/\.$/, '')}`}`;
  });
}

async function ask(question: StrengthQuestion): Promise<StrengthAnswer> {
  const worker = new Worker(ENTRY, { workerData: question });
  try {
    const [answer] = await once(worker, 'message');
    return answer;
  } finally {
    await worker.terminate();
  }
}
