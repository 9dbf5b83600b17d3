import pg from 'pg';
import { eventually } from './cards.ts';

/**
 * Does something while a node of an earlier version runs. Others know such a node by the session on which it listens.
 * @param name of that session; without a number it is of the first version
 */
export async function besideNode<T>(
  databaseUrl: string,
  name: `listen${'' | ` ${number}`}`,
  work: () => Promise<T>,
): Promise<T> {
  const application_name = `plexy-pay ${name}`;
  const listener = new pg.Client({ connectionString: databaseUrl, application_name });
  await listener.connect();
  try {
    return await work();
  } finally {
    await listener.end();
    const observer = new pg.Client({ connectionString: databaseUrl });
    await observer.connect();
    await eventually('its session is over', async () => {
      const { rows } = await observer.query(
        'SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1',
        [application_name],
      );
      return rows.length === 0;
    }).finally(() => observer.end());
  }
}
