import { v7 as uuidv7 } from 'uuid';
import { parseEmail } from '../domain/signIn.ts';
import { newPassword, Passwords } from '../http/passwords.ts';
import { readMode } from '../store/installation.ts';
import { insertUser } from '../store/users.ts';
import { CONSOLE, CommandError, type Environment, type Output, withDatabase } from './database.ts';

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
  return withDatabase(env, output, async (client) => {
    if ((await readMode(client)) === null)
      throw new CommandError('This database is not set up yet: start the server on it once.');
    const address = parseEmail(email);
    if (!address.ok) throw new CommandError(`The e-mail address ${address.error}.`);
    const password = newPassword();
    const passwordHash = await new Passwords().hash(password);
    const operator = { merchantId: null, name, role: 'operator' as const, passwordHash };
    const user = await insertUser(client, { id: uuidv7(), email: address.value, ...operator });
    if (user === null) throw new CommandError('A user has this e-mail address already.');
    output.error(`${name} signs in as ${user.email} with this password, which is shown this once:`);
    output.out(password);
    return 0;
  });
}
