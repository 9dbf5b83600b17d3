import { hasOlderNodes, type UNDERSTOOD_FROM } from '../postgres/nodeLevel.ts';
import type { Queryable } from '../postgres/pool.ts';
import { ApiError } from './errors.ts';

/**
 * Keeps what is new from being used as long as nodes run that do not understand it.
 * @throws ApiError 409
 */
export async function refuseOlderNodes(db: Queryable, what: keyof typeof UNDERSTOOD_FROM): Promise<void> {
  if (await hasOlderNodes(db, what))
    throw new ApiError('older_nodes_running', undefined, [], { 'retry-after': '5' });
}
