/**
 * Several statements as one round trip: one write, one Sync, one answer. `pg`'s own pipeline has a Sync after each
 * statement, and PostgreSQL answers each apart, which wakes both sides as often as there are statements.
 *
 *   Bind Execute Bind Execute … Sync ──► rows, complete, rows, complete, … ready
 *                                        rows, complete, error ─────────── ready: the rest was not carried out
 */
import pg from 'pg';
import { understand } from './databaseClient.ts';
import { type Client, type Result, type Statement, type StatementRunner, types } from './pool.ts';
import { beginStatementSpan, endWith, recordedSpan } from './spans.ts';

declare module 'pg' {
  interface Connection {
    /** Forgets a prepared statement, if there is one of that name. */
    close(message: { readonly type: 'S'; readonly name: string }): void;
    /** The text of each named statement that this session has: `pg` keeps it up to date. */
    readonly parsedStatements: Readonly<Record<string, string | undefined>>;
  }
}

interface Column {
  readonly name: string;
  readonly parse: (text: string) => unknown;
}

/** What is known of a session. */
interface Session {
  /** The columns of each statement. They do not change, so they are asked for once. */
  readonly columns: Map<string, readonly Column[]>;
  /** The statements that it was sent: behind one that failed PostgreSQL has not looked at them. */
  readonly sent: Set<string>;
}
const sessions = new WeakMap<pg.Connection, Session>();

function sessionOf(connection: pg.Connection): Session {
  const known = sessions.get(connection);
  if (known !== undefined) return known;
  const session: Session = { columns: new Map(), sent: new Set() };
  sessions.set(connection, session);
  return session;
}

/**
 * Carries out the statements that `begin` sends before its first `await`, in their order. When one fails, those
 * behind it are not carried out, not even a COMMIT; all of them reject with its error. So they do, though they were
 * carried out, when an answer cannot be read.
 * @param client not in pipeline mode
 * @throws what `begin` throws
 */
export function inOneRoundTrip<T>(client: Client, begin: (db: StatementRunner) => Promise<T>): Promise<T> {
  const roundTrip = new RoundTrip();
  const result = begin(roundTrip);
  if (recordedSpan() !== null) endWith(beginStatementSpan(roundTrip.names), result);
  roundTrip.send(client);
  return result;
}

interface Step {
  readonly statement: Statement;
  readonly rows: pg.QueryResultRow[];
  columns: readonly Column[] | undefined;
  complete: string;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: Error) => void;
}

class RoundTrip implements pg.Submittable, StatementRunner {
  #steps: Step[] = [];
  /** How many have been carried out. */
  #done = 0;
  #ended = false;
  #unreadable: Error | null = null;
  #session: Session | null = null;
  #client: Client | null = null;
  /** `pg` puts a timer around it. */
  callback: (error: Error | null) => void = () => undefined;

  query<Row extends pg.QueryResultRow>(statement: Statement): Promise<Result<Row>> {
    return new Promise<Result>((resolve, reject) => {
      this.#steps.push({ statement, rows: [], columns: undefined, complete: '', resolve, reject });
    });
  }

  send(client: Client): void {
    if (this.#steps.length === 0) return;
    this.#client = client;
    client.query(this);
  }

  get names(): string[] {
    return this.#steps.map(({ statement }) => statement.name);
  }

  /** Of the statement that is being answered: `pg` notes that it was parsed. */
  get name(): string | undefined {
    return this.#steps[this.#done]?.statement.name;
  }

  get text(): string | undefined {
    return this.#steps[this.#done]?.statement.text;
  }

  submit(connection: pg.Connection): Error | null {
    const session = sessionOf(connection);
    this.#session = session;
    connection.stream.cork();
    try {
      const parsing = new Set<string>();
      for (const step of this.#steps) this.#submit(connection, session, step, parsing);
      connection.sync();
      return null;
    } catch (error) {
      return asError(error);
    } finally {
      connection.stream.uncork();
    }
  }

  /** @param parsing what this round trip has parsed before */
  #submit(connection: pg.Connection, { columns, sent }: Session, step: Step, parsing: Set<string>): void {
    const { name, text, values } = step.statement;
    const isParsed = connection.parsedStatements[name] === text;
    if (!isParsed && !parsing.has(name)) {
      // What was sent behind a statement that failed is unknown to PostgreSQL, which does not mind that it is closed; a
      // pooler has noted it, and would end the session of whoever sends another one by that name.
      if (sent.has(name)) connection.close({ type: 'S', name });
      connection.parse({ name, text, types: [] }, true);
      sent.add(name);
    }
    parsing.add(name);
    connection.bind({ statement: name, values }, true);
    step.columns = isParsed ? columns.get(name) : undefined;
    if (step.columns === undefined) connection.describe({ type: 'P' }, true);
    connection.execute(null, true);
  }

  handleRowDescription({ fields }: { readonly fields: readonly pg.FieldDef[] }): void {
    const step = this.#steps[this.#done];
    const parserOf = (type: number): Column['parse'] => types.getTypeParser(type, 'text');
    if (step !== undefined)
      step.columns = fields.map(({ name, dataTypeID }) => ({ name, parse: parserOf(dataTypeID) }));
  }

  handleDataRow({ fields: values }: { readonly fields: readonly (string | null)[] }): void {
    const step = this.#steps[this.#done];
    const row: pg.QueryResultRow = {};
    try {
      step?.columns?.forEach(({ name, parse }, i) => {
        const value = values[i] ?? null;
        row[name] = value === null ? null : parse(value);
      });
    } catch (error) {
      // Thrown from here, it would end the process.
      this.#unreadable = asError(error);
    }
    step?.rows.push(row);
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    const step = this.#steps[this.#done];
    if (step === undefined) return;
    step.complete = text;
    // Without a description there are no columns.
    this.#session?.columns.set(step.statement.name, step.columns ?? []);
    this.#done += 1;
  }

  /** Also of a connection that was lost, and of a timeout: then what comes later could be taken for another's. */
  handleError(error: Error, connection: pg.Connection): void {
    if (this.#ended) return;
    const known = this.#client === null ? error : understand(this.#client, error);
    const steps = this.#end();
    if (!(error instanceof pg.DatabaseError)) connection.stream.destroy();
    this.callback(known);
    for (const { reject } of steps) reject(known);
  }

  handleReadyForQuery(): void {
    if (this.#ended) return;
    const steps = this.#end();
    this.callback(this.#unreadable);
    for (const { rows, complete, resolve, reject } of steps)
      if (this.#unreadable !== null) reject(this.#unreadable);
      else resolve({ rows, ...countOf(complete) });
  }

  /**
   * Lets go of all that was sent and received. The function that `pg` gives as `callback` knows this round trip, and
   * until V8 optimises that code it puts functions that are assigned to a property into the old generation, whose
   * garbage keeps what hangs on it through every collection but the rare large ones: those in between took 15 to
   * 20 ms instead of 3.
   */
  #end(): readonly Step[] {
    const steps = this.#steps;
    this.#steps = [];
    this.#client = null;
    this.#session = null;
    this.#ended = true;
    return steps;
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** Of `INSERT 0 5`: what was carried out, and on how many rows. */
function countOf(complete: string): Pick<Result, 'command' | 'rowCount'> {
  const words = complete.split(' ');
  const count = words.length > 1 ? Number(words.at(-1)) : Number.NaN;
  return { command: words[0] ?? '', rowCount: Number.isInteger(count) ? count : null };
}
