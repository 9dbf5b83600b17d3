/** Whether what others have sent has the shape that is expected of it. */
import { Ajv, type Options } from 'ajv';
import type { Static, TSchema } from 'typebox';

/**
 * Of every validator here: its schemas are this program's. To check that they are schemas, each would first compile the
 * schema of schemas: 40 ms of a processor.
 */
export const OWN_SCHEMAS = { validateSchema: false } as const satisfies Options;

const ajv = new Ajv(OWN_SCHEMAS);

/** A check that is made when it is needed first, not at the start. */
export function shapeOf<S extends TSchema>(schema: S): (value: unknown) => value is Static<S> {
  return (value): value is Static<S> => ajv.compile(schema)(value);
}
