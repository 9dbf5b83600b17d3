import { type Pool, type Statement, type StatementRunner, withClient } from './pool.ts';
import { inOneRoundTrip } from './roundTrip.ts';

const BEGIN: Statement = {
  name: 'begin_read',
  text: 'BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY',
};
const COMMIT: Statement = { name: 'commit_read', text: 'COMMIT' };

/**
 * Reads with settings of its own: each statement is a transaction, in one round trip, and what is set ends with it. A pooler in
 * transaction mode lends the session to others next, and what was set for good would be theirs.
 * @param settings sets them for the transaction only
 */
export function readsWith(pool: Pool, settings: Statement): StatementRunner {
  return {
    query: (statement) =>
      withClient(pool, (client) =>
        inOneRoundTrip(client, async (db) => {
          const [, , result] = await Promise.all([
            db.query(BEGIN),
            db.query(settings),
            db.query(statement),
            db.query(COMMIT),
          ]);
          return result;
        }),
      ),
  };
}
