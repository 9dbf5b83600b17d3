import { insertAuditEntries } from '../auditLog/auditLogSql.ts';
import { newPassword, Passwords } from '../identity/passwords.ts';
import { deleteFactors } from '../identity/secondFactorsSql.ts';
import { endSessionsOf } from '../identity/sessionsSql.ts';
import { parseEmail } from '../identity/signIn.ts';
import { findHashOfAddress, findOperator, insertUser } from '../identity/usersSql.ts';
import { readMode } from '../installation/installationSql.ts';
import { newId } from '../installation/newId.ts';
import { withinTransaction } from '../postgres/pool.ts';
import {
  COMMAND_LINE,
  CONSOLE,
  CommandError,
  type Environment,
  type Output,
  withDatabase,
} from './database.ts';

/**
 * Makes an operator who signs in to the dashboard, by access to the database alone: the way to the first
 * one in production.
 * @returns the exit code; the password is the only thing written to the output proper
 */
export function createOperatorUserCommand(
  email: string,
  name: string,
  env: Environment,
  output: Output = CONSOLE,
): Promise<number> {
  return withDatabase(env, output, 'write', async (client) => {
    if ((await readMode(client)) === null)
      throw new CommandError('This database is not set up yet: start the server on it once.');
    const address = parseEmail(email);
    if (!address.ok) throw new CommandError(`The e-mail address ${address.error}.`);
    const password = newPassword();
    const passwordHash = await new Passwords().hash(password, await findHashOfAddress(client, address.value));
    const operator = { merchantId: null, name, role: 'operator' as const, passwordHash };
    const user = await withinTransaction(client, async () => {
      const made = await insertUser(client, { id: newId(), email: address.value, ...operator });
      if (made === null) throw new CommandError('An operator has this e-mail address already.');
      const object = { kind: 'user', id: made.id };
      const after = { email: made.email, name, role: made.role };
      const change = { action: 'user.create', object, after } as const;
      await insertAuditEntries(client, [{ ...change, actor: COMMAND_LINE, merchantId: null }]);
      return made;
    });
    if (output.json === true) {
      output.out(JSON.stringify({ id: user.id, email: user.email, name, password }, null, 2));
      return 0;
    }
    output.error(`${name} signs in as ${user.email} with this password, which is shown this once:`);
    output.out(password);
    return 0;
  });
}

/**
 * Takes the second factor from an operator who has lost it, recovery codes too, by access to the database alone. In
 * production they set up another one when they sign in next.
 * @returns the exit code
 */
export function resetSecondFactorCommand(
  email: string,
  env: Environment,
  output: Output = CONSOLE,
): Promise<number> {
  return withDatabase(env, output, 'write', async (client) => {
    const address = parseEmail(email);
    if (!address.ok) throw new CommandError(`The e-mail address ${address.error}.`);
    const user = await withinTransaction(client, async () => {
      const found = await findOperator(client, address.value);
      if (found === null) throw new CommandError('No operator has this e-mail address.');
      await deleteFactors(client, found.id);
      await endSessionsOf(client, found.id, null);
      const object = { kind: 'user', id: found.id };
      const change = { action: 'user.reset_second_factor', object } as const;
      await insertAuditEntries(client, [{ ...change, actor: COMMAND_LINE, merchantId: null }]);
      return found;
    });
    if (output.json === true) output.out(JSON.stringify({ id: user.id, email: user.email }, null, 2));
    else output.out(`${user.email} has no second factor any more, and is signed out everywhere.`);
    return 0;
  });
}
