/** Logs as JSON lines that never hold a key, an IIN, a phone or a card number. */
import { type DestinationStream, type Logger, pino } from 'pino';
import { masked } from '../core/values/masking.ts';

/** Fields that nobody should log, should somebody do it all the same. */
const SECRET_FIELDS = [
  'headers',
  'authorization',
  'apiKey',
  'iin',
  'phone',
  'phoneNumber',
  'body',
  'card',
  'cvc',
  'password',
  'cookie',
];

/** @param destination standard output unless it is given */
export function createLogger(level: string, destination?: DestinationStream): Logger {
  return pino(
    {
      level,
      base: null,
      redact: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`]),
      serializers: { err: describeError },
    },
    destination ?? pino.destination(1),
  );
}

/**
 * What a log says of an error. PostgreSQL's errors quote rows and values in `detail`, `where` and
 * `hint`, so that fields are named here and everything else is left out; texts are scrubbed.
 */
export function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: scrub(String(error)) };
  const { name, message, stack, cause } = error;
  const described: Record<string, unknown> = { type: name, message: scrub(message) };
  for (const field of ['code', 'table', 'constraint', 'syscall'] as const) {
    const value = (error as unknown as Record<string, unknown>)[field];
    if (typeof value === 'string') described[field] = value;
  }
  if (stack !== undefined) described.stack = scrub(stack);
  if (cause !== undefined) described.cause = describeError(cause);
  return described;
}

/** Takes out what looks like a secret, a connection string's password, a phone number, an IIN or a card number. */
function scrub(text: string): string {
  return masked(text)
    .replace(/(:\/\/[^:@/\s]*:)[^@/\s]+@/g, '$1•••@')
    .replace(/\+?\d(?:[ ()-]{0,2}\d){9,}/g, '•••');
}
