import type { ApiKey, IssueApiKeyBody, IssuedApiKey } from '@plexy-pay/sdk';
import type { Command } from 'commander';
import {
  type Context,
  type ListOptions,
  listing,
  pageSize,
  requestOptions,
  type WriteOptions,
  writing,
} from './context.ts';
import { merchantIdOf } from './names.ts';
import type { Cell } from './output.ts';

interface IssueOptions extends WriteOptions {
  readonly scope?: string[];
  readonly expires?: string;
}

const HEADINGS = ['ID', 'NAME', 'ENDS IN', 'SCOPES', 'CREATED', 'EXPIRES', 'REVOKED'];

/** The API keys of merchants. */
export function keyCommands(program: Command, context: Context): void {
  const keys = program.command('keys').description('the API keys of a merchant');
  issuing(keys.command('issue <merchant> <name>')).action(
    async (merchant: string, name: string, options: IssueOptions) => {
      const plexy = context.client();
      const id = await merchantIdOf(plexy, merchant);
      context.show(
        await plexy.admin.apiKeys.issue(id, bodyOf(name, options), requestOptions(options)),
        issuedFields,
      );
    },
  );
  listing(keys.command('list <merchant>').description('list keys, newest first, revoked ones too')).action(
    async (merchant: string, options: ListOptions) => {
      const plexy = context.client();
      const list = plexy.admin.apiKeys.list(await merchantIdOf(plexy, merchant), pageSize(options));
      await context.showList(list, options.limit, HEADINGS, rowOf);
    },
  );
  writing(keys.command('revoke <merchant> <key>').description('revoke a key by its id, at once')).action(
    async (merchant: string, id: string, options: WriteOptions) => {
      const plexy = context.client();
      const merchantId = await merchantIdOf(plexy, merchant);
      context.show(await plexy.admin.apiKeys.revoke(merchantId, id, requestOptions(options)), fieldsOf);
    },
  );
}

/** The keys of operators, but for `create`, which needs the database. */
export function operatorKeyCommands(operatorKeys: Command, context: Context): void {
  issuing(operatorKeys.command('issue <name>')).action(async (name: string, options: IssueOptions) => {
    const issued = await context
      .client()
      .admin.operatorKeys.issue(bodyOf(name, options), requestOptions(options));
    context.show(issued, issuedFields);
  });
  listing(operatorKeys.command('list').description('list keys, newest first, revoked ones too')).action(
    async (options: ListOptions) => {
      const list = context.client().admin.operatorKeys.list(pageSize(options));
      await context.showList(list, options.limit, HEADINGS, rowOf);
    },
  );
  writing(operatorKeys.command('revoke <key>').description('revoke a key by its id, at once')).action(
    async (id: string, options: WriteOptions) => {
      context.show(await context.client().admin.operatorKeys.revoke(id, requestOptions(options)), fieldsOf);
    },
  );
}

function issuing(command: Command): Command {
  return writing(command)
    .description('issue a key, which is shown this once')
    .option('--scope <scopes...>', 'read and write (the default), and webhooks to say where events go')
    .option(
      '--expires <time>',
      'when it ends, such as 2027-01-31T00:00:00Z, or never (default: a merchant’s never, an operator’s after a year)',
    );
}

/** The server checks the scopes, and names what is wrong with them. */
function bodyOf(name: string, { scope, expires }: IssueOptions): IssueApiKeyBody {
  return {
    name,
    ...(scope === undefined ? {} : { scopes: scope as IssueApiKeyBody['scopes'] & object }),
    ...(expires === undefined ? {} : { expiresAt: expires === 'never' ? null : expires }),
  };
}

function rowOf({ id, name, hint, scopes, createdAt, expiresAt, revokedAt }: ApiKey): Cell[] {
  return [id, name, hint, scopes, createdAt, expiresAt, revokedAt];
}

function fieldsOf({ id, name, hint, scopes, expiresAt, revokedAt }: ApiKey): Record<string, Cell> {
  return { id, name, 'ends in': hint, scopes, expires: expiresAt, revoked: revokedAt };
}

function issuedFields({ apiKey, ...key }: IssuedApiKey): Record<string, Cell> {
  return { 'API key': `${apiKey}   (shown this once)`, ...fieldsOf(key) };
}
