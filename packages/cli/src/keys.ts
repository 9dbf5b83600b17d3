import type { ApiKey, IssueApiKeyBody, IssuedApiKey, UpdateApiKeyBody } from '@plexy-pay/sdk';
import { type Command, Option } from 'commander';
import {
  type Context,
  type ListOptions,
  listing,
  pageSize,
  requestOptions,
  type WriteOptions,
  writing,
} from './context.ts';
import { UsageError } from './exitCodes.ts';
import { merchantIdOf } from './names.ts';
import type { Cell } from './output.ts';

interface IssueOptions extends WriteOptions {
  readonly scope?: string[];
  readonly expires?: string;
  readonly network?: string[];
}

interface UpdateOptions extends WriteOptions {
  readonly name?: string;
  readonly network?: string[];
  readonly anywhere?: true;
}

const HEADINGS = ['ID', 'NAME', 'ENDS IN', 'SCOPES', 'FROM', 'CREATED', 'LAST USED', 'EXPIRES', 'REVOKED'];

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
  updating(keys.command('update <merchant> <key>')).action(
    async (merchant: string, id: string, options: UpdateOptions) => {
      const plexy = context.client();
      const merchantId = await merchantIdOf(plexy, merchant);
      const body = changesOf(options);
      context.show(await plexy.admin.apiKeys.update(merchantId, id, body, requestOptions(options)), fieldsOf);
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
  updating(operatorKeys.command('update <key>')).action(async (id: string, options: UpdateOptions) => {
    const key = await context
      .client()
      .admin.operatorKeys.update(id, changesOf(options), requestOptions(options));
    context.show(key, fieldsOf);
  });
  writing(operatorKeys.command('revoke <key>').description('revoke a key by its id, at once')).action(
    async (id: string, options: WriteOptions) => {
      context.show(await context.client().admin.operatorKeys.revoke(id, requestOptions(options)), fieldsOf);
    },
  );
}

const NETWORKS = 'addresses and networks from where it may be used, such as 10.0.0.0/8 (default: anywhere)';

function updating(command: Command): Command {
  return writing(command)
    .description('change the name of a key, or from where it may be used')
    .option('--name <name>', 'its new name')
    .addOption(new Option('--network <networks...>', NETWORKS).conflicts('anywhere'))
    .option('--anywhere', 'it may be used from anywhere');
}

/** What is not named stays as it is. @throws UsageError when nothing is named */
function changesOf({ name, network, anywhere }: UpdateOptions): UpdateApiKeyBody {
  const changes = {
    ...(name === undefined ? {} : { name }),
    ...(network === undefined ? {} : { allowedNetworks: network }),
    ...(anywhere === undefined ? {} : { allowedNetworks: null }),
  };
  if (Object.keys(changes).length === 0)
    throw new UsageError('name what is to change: --name, --network or --anywhere');
  return changes;
}

function issuing(command: Command): Command {
  return writing(command)
    .description('issue a key, which is shown this once')
    .option(
      '--scope <scopes...>',
      'read and write (the default), webhooks to say where events go, or those of single operations, such as refunds:write',
    )
    .option('--network <networks...>', NETWORKS)
    .option(
      '--expires <time>',
      'when it ends, such as 2027-01-31T00:00:00Z, or never (default: a merchant’s never, an operator’s after a year)',
    );
}

/** The server checks the scopes, and names what is wrong with them. */
function bodyOf(name: string, { scope, expires, network }: IssueOptions): IssueApiKeyBody {
  return {
    name,
    ...(scope === undefined ? {} : { scopes: scope as IssueApiKeyBody['scopes'] & object }),
    ...(network === undefined ? {} : { allowedNetworks: network }),
    ...(expires === undefined ? {} : { expiresAt: expires === 'never' ? null : expires }),
  };
}

function rowOf(key: ApiKey): Cell[] {
  const { id, name, hint, scopes, allowedNetworks, createdAt, lastUsedAt, expiresAt, revokedAt } = key;
  return [id, name, hint, scopes, allowedNetworks ?? 'anywhere', createdAt, lastUsedAt, expiresAt, revokedAt];
}

function fieldsOf(key: ApiKey): Record<string, Cell> {
  const { id, name, hint, scopes, allowedNetworks, expiresAt, revokedAt, lastUsedAt, lastUsedAddress } = key;
  return {
    ...{ id, name, 'ends in': hint, scopes, from: allowedNetworks ?? 'anywhere' },
    ...{ expires: expiresAt, revoked: revokedAt, 'last used': lastUsedAt, 'last used from': lastUsedAddress },
  };
}

function issuedFields({ apiKey, ...key }: IssuedApiKey): Record<string, Cell> {
  return { 'API key': `${apiKey}   (shown this once)`, ...fieldsOf(key) };
}
