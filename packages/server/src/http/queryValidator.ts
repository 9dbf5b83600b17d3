import { Ajv, type ErrorObject } from 'ajv';
import type { FastifySchemaValidationError } from 'fastify/types/schema.js';
import { OWN_SCHEMAS } from './shapes.ts';

/** Query parameters and paths are text: integers are read from it, and nothing else is turned into something else. */
const ajv = new Ajv({ ...OWN_SCHEMAS, allErrors: true, strict: false, useDefaults: true });

/** Neither a sign nor white space, exponents or hexadecimal digits, all of which `Number` takes. */
const PLAIN_DIGITS = /^\d+$/;

interface ObjectSchema {
  readonly properties?: Readonly<Record<string, { readonly type?: unknown }>>;
}

/** Checks the parameters of a query or a path, in which it replaces plain digits by their number. */
export function compileQueryValidator(schema: ObjectSchema) {
  const validate = ajv.compile<Record<string, unknown>>(schema);
  const integers = Object.entries(schema.properties ?? {}).flatMap(([name, { type }]) =>
    type === 'integer' ? [name] : [],
  );
  function check(parameters: Record<string, unknown>): boolean {
    for (const name of integers) {
      const text = parameters[name];
      if (typeof text === 'string' && PLAIN_DIGITS.test(text)) parameters[name] = Number(text);
    }
    const ok = validate(parameters);
    check.errors = (validate.errors ?? []).map(withRule);
    return ok;
  }
  check.errors = [] as FastifySchemaValidationError[];
  return check;
}

function withRule(error: ErrorObject): ErrorObject {
  const isInteger = error.keyword === 'type' && error.params.type === 'integer';
  return isInteger ? { ...error, message: 'must be an integer in plain digits, such as 20' } : error;
}
