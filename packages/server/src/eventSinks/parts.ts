/**
 * Kafka's protocol has a limit for what is sent at once: `message.max.bytes` of a broker, which is 1,048,588 by itself, or
 * `max.message.bytes` of a topic, is for all of a partition's messages of one call.
 */
import { findErrorBy } from '@platformatic/kafka';
import type { SinkMessage } from './broker.ts';

/** Half of what a broker takes by itself. */
const PART_BYTES = 512 * 1024;
/** What a message has besides its body, generously: its headers and its key. */
const ENVELOPE_BYTES = 1024;

const TOO_LARGE = ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'];

/** Messages in their order, in parts of so many bytes at most; what is larger by itself is a part of its own. */
export function partsOf(messages: readonly SinkMessage[], limit = PART_BYTES): SinkMessage[][] {
  const parts: SinkMessage[][] = [];
  let left = 0;
  for (const message of messages) {
    const size = sizeOf(message);
    const part = parts.at(-1);
    if (part === undefined || size > left) {
      parts.push([message]);
      left = limit - size;
    } else {
      part.push(message);
      left -= size;
    }
  }
  return parts;
}

/**
 * Sends a part, and in halves what the broker says is too large for it: its limit may be lower than it is by itself.
 * @param onStored called with what was stored, in order
 * @throws what `send` threw; when one message by itself is too large, an error that says so and how large it is
 */
export async function sendFitting(
  part: readonly SinkMessage[],
  send: (messages: readonly SinkMessage[]) => Promise<void>,
  onStored: (message: SinkMessage) => void,
): Promise<void> {
  try {
    await send(part);
  } catch (error) {
    if (!isTooLarge(error)) throw error;
    const [first] = part;
    if (first !== undefined && part.length === 1) throw tooLarge(first, error);
    const middle = Math.ceil(part.length / 2);
    await sendFitting(part.slice(0, middle), send, onStored);
    return sendFitting(part.slice(middle), send, onStored);
  }
  for (const message of part) onStored(message);
}

function isTooLarge(error: unknown): boolean {
  return error instanceof Error && TOO_LARGE.some((id) => findErrorBy(error, 'apiId', id) !== null);
}

function sizeOf({ body }: SinkMessage): number {
  return Buffer.byteLength(body) + ENVELOPE_BYTES;
}

function tooLarge({ id, name, key, body }: SinkMessage, cause: unknown): Error {
  return new Error(
    `the broker refuses event ${id} (${name} of ${key}), whose body has ${Buffer.byteLength(body)} bytes, as too large: ` +
      'nothing after it is published until max.message.bytes of the topic, or message.max.bytes of the broker, is raised',
    { cause },
  );
}
