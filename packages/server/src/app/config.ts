/** The only reader of the environment. A wrong value stops the start with a sentence that names it. */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { availableParallelism } from 'node:os';
import type { SinkSettings } from '../eventSinks/broker.ts';
import type { OidcSettings } from '../identity/oidc/settings.ts';
import { DatabaseUrlError, urlsOfHosts } from '../postgres/databaseUrl.ts';
import { SAMPLERS, type TracingSettings } from '../tracing/settings.ts';

export type Mode = 'sandbox' | 'production';

export interface Config {
  readonly mode: Mode;
  readonly host: string;
  readonly port: number;
  readonly adminPort: number | null;
  /** Where ADMIN_PORT is listened on. */
  readonly adminHost: string;
  /** What `/metrics` asks of those who are not on this machine; null: it answers nobody else. */
  readonly metricsToken: string | null;
  /** Names that a sandbox answers to, besides its own. */
  readonly allowedHosts: readonly string[];
  /** Names at which `/v1` is the deployed API, which is at `/hosted/v1` everywhere. */
  readonly hostedHosts: readonly string[];
  /** Null: the embedded PostgreSQL in `dataDir`. */
  readonly databaseUrl: string | null;
  readonly databaseDirectUrl: string | null;
  /** A standby, or a proxy before several, that lists and statistics are read from. */
  readonly databaseReplicaUrl: string | null;
  /** What a standby tells is at most so old; else the primary is asked. */
  readonly replicaMaxLagSeconds: number;
  /** Whether the start migrates the database, or wants it migrated. */
  readonly migrate: boolean;
  readonly dataDir: string;
  readonly logLevel: string;
  readonly secretKey: string | null;
  /** Keys that were SECRET_KEY before, or will be: what was made with them is read. */
  readonly otherSecretKeys: readonly string[];
  readonly publicUrl: string | null;
  /** Where the default acquirer is. Null: in the sandbox the simulated bank, in production nowhere, until one is set up. */
  readonly acquirer: { readonly url: string; readonly secret: string } | null;
  /** Modules of connectors, besides our own. */
  readonly connectors: readonly string[];
  /** How long a bank may take for an answer. */
  readonly acquirerTimeoutMs: number;
  /** How long an authorization's fate may be unknown. */
  readonly acquirerPatienceMs: number;
  /** Addresses or networks of proxies, whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[];
  /** How long a connection stays open between two requests. */
  readonly keepAliveSeconds: number;
  /** More connections than this to one port are closed as they come. */
  readonly maxConnections: number;
  readonly requestLog: boolean;
  /** Of each merchant, on this node; 0: none. */
  readonly rateLimitPerSecond: number;
  readonly batchSize: number;
  readonly batchLanes: number;
  readonly maxQueue: number;
  readonly poolSize: number;
  /** The broker that events are published to. Null: to none. */
  readonly eventSink: SinkSettings | null;
  /** Processes that serve this node's ports. */
  readonly workers: number;
  /**
   * Whether the process that was started only starts and replaces them: several, and with `auto` also the one of a single
   * processor. Else it is the one that serves.
   */
  readonly hasPrimary: boolean;
  /** Where people may sign in besides (OpenID Connect). Null: nowhere. */
  readonly oidc: OidcSettings | null;
  /** Where spans are sent. Null: nothing is traced. */
  readonly tracing: TracingSettings | null;
}

export class ConfigError extends Error {}

/** What nobody else may read, so that each may be given by a file, too: `SECRET_KEY_FILE` names that of `SECRET_KEY`. */
const SECRET_VARIABLES = [
  'SECRET_KEY',
  'OTHER_SECRET_KEYS',
  'ACQUIRER_SECRET',
  'METRICS_TOKEN',
  'DATABASE_URL',
  'DATABASE_DIRECT_URL',
  'DATABASE_REPLICA_URL',
  'OIDC_CLIENT_SECRET',
] as const;

const VARIABLES = [
  'MODE',
  'HOST',
  'PORT',
  'ADMIN_PORT',
  'ADMIN_HOST',
  'METRICS_TOKEN',
  'ALLOWED_HOSTS',
  'HOSTED_HOSTS',
  'DATABASE_URL',
  'DATABASE_DIRECT_URL',
  'DATABASE_REPLICA_URL',
  'REPLICA_MAX_LAG_SECONDS',
  'MIGRATE',
  'DATA_DIR',
  'LOG_LEVEL',
  'SECRET_KEY',
  'OTHER_SECRET_KEYS',
  'PUBLIC_URL',
  'TRUSTED_PROXIES',
  'KEEP_ALIVE_SECONDS',
  'MAX_CONNECTIONS',
  'REQUEST_LOG',
  'RATE_LIMIT_PER_SECOND',
  'BATCH_SIZE',
  'BATCH_LANES',
  'MAX_QUEUE',
  'POOL_SIZE',
  'SANDBOX_ALLOW_REMOTE',
  'ACQUIRER_URL',
  'ACQUIRER_SECRET',
  'ACQUIRER_TIMEOUT_MS',
  'ACQUIRER_PATIENCE_MS',
  'CONNECTORS',
  'EVENTS_SINK_URL',
  'EVENTS_SINK_TOPIC',
  'EVENTS_SINK_START',
  'EVENTS_SINK_USER',
  'EVENTS_SINK_PASSWORD_FILE',
  'EVENTS_SINK_SASL',
  'EVENTS_SINK_CREDENTIALS_FILE',
  'EVENTS_SINK_CA_FILE',
  'EVENTS_SINK_CERTIFICATE_FILE',
  'EVENTS_SINK_KEY_FILE',
  'WORKERS',
  'OIDC_ISSUER',
  'OIDC_CLIENT_ID',
  'OIDC_CLIENT_SECRET',
  'OIDC_NAME',
  'OIDC_SCOPES',
  'OIDC_ACR_VALUES',
  'OIDC_OPERATORS',
  'OIDC_CLIENT_SECRET_FILE',
  'SECRET_KEY_FILE',
  'OTHER_SECRET_KEYS_FILE',
  'ACQUIRER_SECRET_FILE',
  'METRICS_TOKEN_FILE',
  'DATABASE_URL_FILE',
  'DATABASE_DIRECT_URL_FILE',
  'DATABASE_REPLICA_URL_FILE',
  'OTEL_SDK_DISABLED',
  'OTEL_EXPORTER_OTLP_ENDPOINT',
  'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
  'OTEL_EXPORTER_OTLP_PROTOCOL',
  'OTEL_EXPORTER_OTLP_HEADERS',
  'OTEL_SERVICE_NAME',
  'OTEL_RESOURCE_ATTRIBUTES',
  'OTEL_TRACES_SAMPLER',
  'OTEL_TRACES_SAMPLER_ARG',
] as const;
type Variable = (typeof VARIABLES)[number];
type Environment = Readonly<Record<string, string | undefined>>;

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'];
const LOOPBACK = /^(127(\.\d{1,3}){3}|::1|localhost)$/;
const MIN_SECRET_LENGTH = 32;
/** Of secrets that others give us, and of those that only machines type. */
const MIN_TOKEN_LENGTH = 16;
/** A fifth of what a node of two cores authorizes. */
const RATE_LIMITS: Readonly<Record<Mode, number>> = { sandbox: 0, production: 2_000 };

/** A file of a secret that is longer than this is none. */
const MAX_SECRET_FILE_BYTES = 64 * 1024;

/**
 * The variables of a few settings, with those of their files: what a command reads needs no others.
 * @returns as they are in the environment
 */
export function variablesOf(env: Environment, names: readonly Variable[]): Environment {
  const files = SECRET_VARIABLES.filter((name) => names.includes(name)).map((name) => fileVariable(name));
  return Object.fromEntries([...names, ...files].map((name) => [name, env[name]]));
}

/** @throws ConfigError naming the variable and the rule that it breaks */
export function readConfig(environment: Environment): Config {
  const env = withSecretsOfFiles(environment);
  const mode = oneOf(env, 'MODE', ['sandbox', 'production'] as const, 'sandbox');
  const config: Config = {
    mode,
    host: text(env, 'HOST') ?? '127.0.0.1',
    port: integer(env, 'PORT', 0, 65_535) ?? 8080,
    adminPort: integer(env, 'ADMIN_PORT', 0, 65_535),
    adminHost: text(env, 'ADMIN_HOST') ?? '127.0.0.1',
    metricsToken: secretOf(env, 'METRICS_TOKEN'),
    allowedHosts: hostNames(env, 'ALLOWED_HOSTS'),
    hostedHosts: hostNames(env, 'HOSTED_HOSTS'),
    databaseUrl: databaseUrl(env, 'DATABASE_URL'),
    databaseDirectUrl: databaseUrl(env, 'DATABASE_DIRECT_URL'),
    databaseReplicaUrl: replicaUrl(env),
    replicaMaxLagSeconds: integer(env, 'REPLICA_MAX_LAG_SECONDS', 2, 3_600) ?? 10,
    migrate: oneOf(env, 'MIGRATE', ['auto', 'off'] as const, 'auto') === 'auto',
    dataDir: text(env, 'DATA_DIR') ?? '.data',
    logLevel: oneOf(env, 'LOG_LEVEL', LOG_LEVELS, 'info'),
    secretKey: text(env, 'SECRET_KEY'),
    otherSecretKeys: otherKeys(env),
    publicUrl: url(env, 'PUBLIC_URL', ['http:', 'https:'])?.replace(/\/$/, '') ?? null,
    acquirer: acquirer(env),
    connectors: names(env, 'CONNECTORS'),
    // Two questions in a row must fit into the 15 s after which another node asks.
    acquirerTimeoutMs: integer(env, 'ACQUIRER_TIMEOUT_MS', 100, 7_000) ?? 7_000,
    acquirerPatienceMs: integer(env, 'ACQUIRER_PATIENCE_MS', 1_000, 3_600_000) ?? 60_000,
    trustedProxies: networks(env, 'TRUSTED_PROXIES'),
    // Longer than the 600 s after which common load balancers close a connection that they keep.
    keepAliveSeconds: integer(env, 'KEEP_ALIVE_SECONDS', 1, 86_400) ?? 620,
    maxConnections: integer(env, 'MAX_CONNECTIONS', 1, 1_000_000) ?? 10_000,
    requestLog: oneOf(env, 'REQUEST_LOG', ['0', '1'] as const, '1') === '1',
    rateLimitPerSecond: integer(env, 'RATE_LIMIT_PER_SECOND', 0, 1_000_000) ?? RATE_LIMITS[mode],
    batchSize: integer(env, 'BATCH_SIZE', 1, 1_000) ?? 96,
    batchLanes: integer(env, 'BATCH_LANES', 1, 32) ?? 2,
    maxQueue: integer(env, 'MAX_QUEUE', 1, 1_000_000) ?? 10_000,
    poolSize: integer(env, 'POOL_SIZE', 1, 1_000) ?? 10,
    eventSink: eventSink(env),
    workers: workers(env),
    hasPrimary: workers(env) > 1 || text(env, 'WORKERS') === 'auto',
    oidc: oidc(env, mode),
    tracing: tracing(env),
  };
  checkSecret(config);
  checkPorts(config);
  const remote = oneOf(env, 'SANDBOX_ALLOW_REMOTE', ['0', '1'] as const, '0') === '1';
  if (mode === 'production') checkProduction(config);
  else checkSandbox(config, remote);
  return config;
}

function fileVariable(name: (typeof SECRET_VARIABLES)[number]): Variable {
  return `${name}_FILE`;
}

/** The environment with what the files hold in the places of their variables. */
function withSecretsOfFiles(env: Environment): Environment {
  const read = { ...env };
  for (const name of SECRET_VARIABLES) {
    const variable = fileVariable(name);
    if (text(env, variable) === null) continue;
    if (env[name] !== undefined) throw new ConfigError(`${name} and ${variable} must not both be set`);
    const secret = secretOfFile(env, variable);
    // Keys that are needed no longer are taken out of their file while the variable stays.
    if (secret === '' && name !== 'OTHER_SECRET_KEYS')
      throw new ConfigError(`${variable} names a file that is empty`);
    read[name] = secret === '' ? undefined : secret;
  }
  return read;
}

/** What the file holds, without the end of its last line, which editors and `echo` put there. */
function secretOfFile(env: Environment, variable: Variable): string {
  const content = fileOf(env, variable) ?? '';
  const secret = content.trim() === '' ? '' : content.replace(/\r?\n$/, '');
  if (Buffer.byteLength(secret) > MAX_SECRET_FILE_BYTES)
    throw new ConfigError(`${variable} names a file of more than ${MAX_SECRET_FILE_BYTES / 1024} KiB`);
  return secret;
}

const MAX_WORKERS = 128;

/** A number, or `auto`: one for each processor that this process may use. */
function workers(env: Environment): number {
  const value = text(env, 'WORKERS');
  if (value === 'auto') return Math.min(MAX_WORKERS, availableParallelism());
  const count = value === null ? 1 : Number(value);
  if ((value === null || /^\d+$/.test(value)) && count >= 1 && count <= MAX_WORKERS) return count;
  throw new ConfigError(`WORKERS must be auto or a whole number from 1 to ${MAX_WORKERS}`);
}

/** The configuration of one of a node's workers: what the node may do, or hold, in all is divided among them. */
export function workersPart(config: Config): Config {
  const { workers } = config;
  return {
    ...config,
    maxConnections: partOf(config.maxConnections, workers),
    rateLimitPerSecond: partOf(config.rateLimitPerSecond, workers),
    maxQueue: partOf(config.maxQueue, workers),
    batchLanes: partOf(config.batchLanes, workers),
    poolSize: Math.min(config.poolSize, Math.max(MIN_POOL_SIZE, partOf(config.poolSize, workers))),
  };
}

/** One request may hold a connection while another one asks for what it needs to end. */
const MIN_POOL_SIZE = 2;

/** Of what a node has in all, for each of its workers. */
export function partOf(whole: number, workers: number): number {
  return Math.ceil(whole / workers);
}

/** What libpq calls the servers that a replica's URL may ask for; whatever answers has to be a standby. */
const REPLICA_ATTRIBUTES = /([?&])target_session_attrs=(?:any|standby|prefer-standby|read-only)(?:&|$)/;

/** Without a database of its own a node has no standby either. */
function replicaUrl(env: Environment): string | null {
  const name = 'DATABASE_REPLICA_URL';
  const given = text(env, name)?.replace(REPLICA_ATTRIBUTES, '$1').replace(/[?&]$/, '');
  const url = databaseUrl({ [name]: given }, name);
  if (url !== null && text(env, 'DATABASE_URL') === null)
    throw new ConfigError('DATABASE_URL must be set when DATABASE_REPLICA_URL is');
  return url;
}

function acquirer(env: Environment): Config['acquirer'] {
  const address = url(env, 'ACQUIRER_URL', ['http:', 'https:']);
  const secret = text(env, 'ACQUIRER_SECRET');
  if (address === null && secret === null) return null;
  if (address === null) throw new ConfigError('ACQUIRER_URL must be set when ACQUIRER_SECRET is');
  if (secret === null) throw new ConfigError('ACQUIRER_SECRET must be set when ACQUIRER_URL is');
  return { url: address.replace(/\/$/, ''), secret };
}

const SINK_URL = /^(nats|kafka)(\+tls)?:\/\/([^/@?#\s]+)$/;
/** A name or an address, and a port; an IPv6 address is in brackets. */
const SERVER = /^(?:\[[0-9a-f:.]+\]|[a-z0-9][a-z0-9.-]*):(\d{1,5})$/i;

/** The broker of EVENTS_SINK_URL. */
function eventSink(env: Environment): SinkSettings | null {
  const address = text(env, 'EVENTS_SINK_URL');
  const others = VARIABLES.filter((name) => name.startsWith('EVENTS_SINK_') && name !== 'EVENTS_SINK_URL');
  if (address === null) {
    const orphan = others.find((name) => text(env, name) !== null);
    if (orphan !== undefined) throw new ConfigError(`EVENTS_SINK_URL must be set when ${orphan} is`);
    return null;
  }
  const [, scheme, tls, list = ''] = SINK_URL.exec(address) ?? [];
  const servers = list.split(',');
  const isWrong = (server: string): boolean => Number(SERVER.exec(server)?.[1] ?? 65_536) > 65_535;
  if (scheme === undefined || servers.some(isWrong))
    throw new ConfigError(
      'EVENTS_SINK_URL must be nats://, nats+tls://, kafka:// or kafka+tls:// with hosts and their ports, separated by commas, and without a password',
    );
  const topic = text(env, 'EVENTS_SINK_TOPIC') ?? 'plexy.events';
  if (!/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/.test(topic) || topic.length > 100)
    throw new ConfigError(
      'EVENTS_SINK_TOPIC must be words of letters, digits, - and _, separated by dots, 100 characters at most',
    );
  return {
    kind: scheme === 'nats' ? 'nats' : 'kafka',
    servers,
    encrypted: tls !== undefined,
    topic,
    start: oneOf(env, 'EVENTS_SINK_START', ['beginning', 'now'] as const, 'beginning'),
    ...sinkCredentials(env),
  };
}

/** Who we are to the broker, and whom we trust. */
function sinkCredentials(
  env: Environment,
): Omit<SinkSettings, 'kind' | 'servers' | 'encrypted' | 'topic' | 'start'> {
  const user = text(env, 'EVENTS_SINK_USER');
  const password = fileOf(env, 'EVENTS_SINK_PASSWORD_FILE')?.trim() ?? null;
  const certificate = fileOf(env, 'EVENTS_SINK_CERTIFICATE_FILE');
  const key = fileOf(env, 'EVENTS_SINK_KEY_FILE');
  if ((user === null) !== (password === null))
    throw new ConfigError('EVENTS_SINK_USER and EVENTS_SINK_PASSWORD_FILE must be set together');
  if ((certificate === null) !== (key === null))
    throw new ConfigError('EVENTS_SINK_CERTIFICATE_FILE and EVENTS_SINK_KEY_FILE must be set together');
  const mechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;
  return {
    ...{ user, password, certificate, key },
    sasl: oneOf(env, 'EVENTS_SINK_SASL', mechanisms, 'SCRAM-SHA-512'),
    credentials: fileOf(env, 'EVENTS_SINK_CREDENTIALS_FILE'),
    ca: fileOf(env, 'EVENTS_SINK_CA_FILE'),
  };
}

/** The provider of OIDC_ISSUER. */
function oidc(env: Environment, mode: Mode): OidcSettings | null {
  const required = ['OIDC_ISSUER', 'OIDC_CLIENT_ID', 'OIDC_CLIENT_SECRET'] as const;
  const [issuer = null, clientId = null, clientSecret = null] = required.map((name) => text(env, name));
  const present = VARIABLES.find((name) => name.startsWith('OIDC_') && text(env, name) !== null);
  if (present === undefined) return null;
  if (issuer === null || clientId === null || clientSecret === null) {
    const missing = required.find((name) => text(env, name) === null);
    throw new ConfigError(`${missing} must be set when ${present} is`);
  }
  const acrValues = (text(env, 'OIDC_ACR_VALUES') ?? '').split(/\s+/).filter((value) => value !== '');
  return {
    ...{ ...issuerOf(issuer, mode), clientId, clientSecret, acrValues },
    name: providerName(env) ?? new URL(issuer).host,
    scopes: scopesOf(env),
    operators: operatorsOf(env),
  };
}

/** Who could stand between would say who somebody is. */
function issuerOf(issuer: string, mode: Mode): Pick<OidcSettings, 'issuer' | 'isLocal'> {
  const url = URL.canParse(issuer) ? new URL(issuer) : new URL('data:');
  const isLocal = LOOPBACK.test(url.hostname.replace(/^\[|\]$/g, ''));
  const isSafe = url.protocol === 'https:' || (url.protocol === 'http:' && isLocal && mode === 'sandbox');
  if (isSafe && `${url.search}${url.hash}${url.username}${url.password}` === '') return { issuer, isLocal };
  throw new ConfigError(
    'OIDC_ISSUER must be a URL that starts with https://, without a query or a password (in a sandbox also http:// on this machine)',
  );
}

const MAX_PROVIDER_NAME = 40;

function providerName(env: Environment): string | null {
  const name = text(env, 'OIDC_NAME')?.trim() ?? null;
  if (name === null || ([...name].length <= MAX_PROVIDER_NAME && !/\p{Cc}/u.test(name))) return name;
  throw new ConfigError(`OIDC_NAME must have at most ${MAX_PROVIDER_NAME} characters, on one line`);
}

function scopesOf(env: Environment): string {
  const scopes = (text(env, 'OIDC_SCOPES') ?? 'openid email profile').trim().split(/\s+/);
  if (scopes.includes('openid')) return scopes.join(' ');
  throw new ConfigError('OIDC_SCOPES must be scopes separated by spaces, openid among them');
}

/** Behind the first `=` is the value: names of claims have none, values may. */
function operatorsOf(env: Environment): OidcSettings['operators'] {
  const given = text(env, 'OIDC_OPERATORS');
  if (given === null) return null;
  const [, claim, value] = /^([^=\s]+)=(\S.*)$/.exec(given) ?? [];
  if (claim !== undefined && value !== undefined) return { claim, value };
  throw new ConfigError('OIDC_OPERATORS must be claim=value, such as groups=payment-operators');
}

/** The standard variables of OpenTelemetry: without an address nothing is traced. */
function tracing(env: Environment): TracingSettings | null {
  const all = url(env, 'OTEL_EXPORTER_OTLP_ENDPOINT', ['http:', 'https:']);
  const traces = url(env, 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', ['http:', 'https:']);
  const isOff = oneOf(env, 'OTEL_SDK_DISABLED', ['true', 'false'] as const, 'false') === 'true';
  const ratio = Number(text(env, 'OTEL_TRACES_SAMPLER_ARG') ?? '1');
  if (!(ratio >= 0 && ratio <= 1))
    throw new ConfigError('OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1');
  const settings = {
    url: traces ?? `${all?.replace(/\/$/, '')}/v1/traces`,
    protocol: oneOf(
      env,
      'OTEL_EXPORTER_OTLP_PROTOCOL',
      ['http/protobuf', 'http/json'] as const,
      'http/protobuf',
    ),
    headers: pairs(env, 'OTEL_EXPORTER_OTLP_HEADERS'),
    serviceName: text(env, 'OTEL_SERVICE_NAME') ?? 'plexy-pay',
    resourceAttributes: pairs(env, 'OTEL_RESOURCE_ATTRIBUTES'),
    sampler: oneOf(env, 'OTEL_TRACES_SAMPLER', SAMPLERS, 'parentbased_always_on'),
    ratio,
  };
  return isOff || (all === null && traces === null) ? null : settings;
}

/** `name=value`, separated by commas; what has a meaning there is written as in URLs. */
function pairs(env: Environment, name: Variable): Record<string, string> {
  const parts = names(env, name).map((part) => /^([^=\s]+)\s*=\s*(.*)$/.exec(part));
  try {
    return Object.fromEntries(
      parts.map((found) => {
        if (found === null) throw new URIError('no pair');
        return [decodeURIComponent(found[1] ?? ''), decodeURIComponent(found[2] ?? '')];
      }),
    );
  } catch {
    throw new ConfigError(`${name} must be pairs of name=value, separated by commas`);
  }
}

/** What is in the file that a variable names. */
function fileOf(env: Environment, name: Variable): string | null {
  const path = text(env, name);
  if (path === null) return null;
  try {
    return readFileSync(path, 'utf8');
  } catch {
    throw new ConfigError(`${name} must name a file that can be read`);
  }
}

/** Port 0 is any free one, so that two of them differ. */
function checkPorts({ port, adminPort }: Config): void {
  if (port !== 0 && port === adminPort) throw new ConfigError('ADMIN_PORT must not be the same as PORT');
}

function checkSecret({ secretKey }: Config): void {
  if (secretKey !== null && secretKey.length < MIN_SECRET_LENGTH) {
    throw new ConfigError(`SECRET_KEY must have at least ${MIN_SECRET_LENGTH} characters`);
  }
}

function checkProduction(config: Config): void {
  if (config.databaseUrl === null) throw new ConfigError('DATABASE_URL must be set when MODE is production');
  if (config.secretKey === null) throw new ConfigError('SECRET_KEY must be set when MODE is production');
  checkVariety('SECRET_KEY', config.secretKey, MIN_SECRET_LENGTH / 2);
  checkEncrypted('PUBLIC_URL', config.publicUrl);
  checkSinkEncrypted(config.eventSink);
  if (config.acquirer === null) return;
  checkEncrypted('ACQUIRER_URL', config.acquirer.url);
  if (config.acquirer.secret.length < MIN_TOKEN_LENGTH)
    throw new ConfigError(
      `ACQUIRER_SECRET must have at least ${MIN_TOKEN_LENGTH} characters when MODE is production`,
    );
  checkVariety('ACQUIRER_SECRET', config.acquirer.secret, MIN_TOKEN_LENGTH / 2);
}

function checkEncrypted(name: Variable, address: string | null): void {
  if (address !== null && !isEncrypted(address))
    throw new ConfigError(`${name} must start with https:// when MODE is production`);
}

/** Events tell who pays what. */
function checkSinkEncrypted(sink: SinkSettings | null): void {
  const isLocal = (server: string): boolean =>
    LOOPBACK.test(server.replace(/:\d+$/, '').replace(/^\[|\]$/g, ''));
  if (sink === null || sink.encrypted || sink.servers.every(isLocal)) return;
  throw new ConfigError('EVENTS_SINK_URL must be nats+tls:// or kafka+tls:// when MODE is production');
}

/** Cards, passwords and keys would be sent in clear otherwise; on this machine nobody is between. */
export function isEncrypted(address: string): boolean {
  const { protocol, hostname } = new URL(address);
  return protocol === 'https:' || LOOPBACK.test(hostname.replace(/^\[|\]$/g, ''));
}

/**
 * What is random does not repeat itself: neither one character, nor a word, nor steps as in `abcdef`. The pairs
 * of neighbouring steps from character to character are nearly all different in a random text; of a word that is
 * repeated there are no more than it has characters.
 */
function checkVariety(name: Variable, secret: string, minPairs: number): void {
  const steps = [...secret].map((character, i, all) => code(character) - code(all[i - 1] ?? '\0'));
  const pairs = new Set(steps.slice(2).map((step, i) => `${steps[i + 1]} ${step}`));
  if (pairs.size >= minPairs) return;
  throw new ConfigError(`${name} repeats itself; make one with: openssl rand -base64 32`);
}

function code(character: string): number {
  return character.codePointAt(0) ?? 0;
}

function checkSandbox({ host }: Config, remote: boolean): void {
  if (remote || LOOPBACK.test(host)) return;
  throw new ConfigError(
    'HOST must be a loopback address in sandbox mode, or set SANDBOX_ALLOW_REMOTE=1 as well',
  );
}

function text(env: Environment, name: Variable): string | null {
  const value = env[name];
  if (value === undefined) return null;
  if (value.trim() === '') throw new ConfigError(`${name} is set but empty`);
  return value;
}

function integer(env: Environment, name: Variable, min: number, max: number): number | null {
  const value = text(env, name);
  if (value === null) return null;
  const number = Number(value);
  if (/^\d+$/.test(value) && number >= min && number <= max) return number;
  throw new ConfigError(`${name} must be a whole number from ${min} to ${max}`);
}

/** Keys, separated by commas; those of a file also by lines. */
function otherKeys(env: Environment): string[] {
  const keys = (text(env, 'OTHER_SECRET_KEYS') ?? '').split(/,|\r?\n/).filter((key) => key !== '');
  if (keys.some((key) => key.length < MIN_SECRET_LENGTH))
    throw new ConfigError(
      `OTHER_SECRET_KEYS must have at least ${MIN_SECRET_LENGTH} characters each, separated by commas`,
    );
  if (keys.length > 0 && text(env, 'SECRET_KEY') === null)
    throw new ConfigError('SECRET_KEY must be set when OTHER_SECRET_KEYS is');
  return keys;
}

/** A secret that machines send. */
function secretOf(env: Environment, name: Variable): string | null {
  const value = text(env, name);
  if (value === null || (value.length >= MIN_TOKEN_LENGTH && /^[\x21-\x7e]+$/.test(value))) return value;
  throw new ConfigError(
    `${name} must be at least ${MIN_TOKEN_LENGTH} printable ASCII characters without spaces`,
  );
}

/** Separated by commas. */
function names(env: Environment, name: Variable): string[] {
  const given = (text(env, name) ?? '').split(',').map((part) => part.trim());
  return given.filter((part) => part !== '');
}

/** Names of hosts, separated by commas. */
function hostNames(env: Environment, name: Variable): string[] {
  const names = (text(env, name) ?? '').split(',').map((part) => part.trim().toLowerCase());
  const given = names.filter((part) => part !== '');
  if (given.every((part) => /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(part))) return given;
  throw new ConfigError(`${name} must be names of hosts without ports, separated by commas`);
}

/** IP addresses and networks, separated by commas. */
function networks(env: Environment, name: Variable): string[] {
  const parts = (text(env, name) ?? '').split(',').map((part) => part.trim());
  const named = parts.filter((part) => part !== '');
  for (const part of named) {
    const [address = '', prefix, more] = part.split('/');
    const bits = isIP(address) === 6 ? 128 : 32;
    const isPrefix = prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits);
    if (isIP(address) === 0 || !isPrefix || more !== undefined)
      throw new ConfigError(
        `${name} must be IP addresses or networks such as 10.0.0.0/8, separated by commas`,
      );
  }
  return named;
}

function oneOf<T extends string>(env: Environment, name: Variable, values: readonly T[], otherwise: T): T {
  const value = text(env, name);
  if (value === null) return otherwise;
  const known = values.find((candidate) => candidate === value);
  if (known === undefined) throw new ConfigError(`${name} must be one of ${values.join(', ')}`);
  return known;
}

/** One host or several, as libpq writes them. */
function databaseUrl(env: Environment, name: Variable): string | null {
  const value = text(env, name);
  if (value === null) return null;
  try {
    urlsOfHosts(value);
    return value;
  } catch (error) {
    throw error instanceof DatabaseUrlError ? new ConfigError(`${name} ${error.message}`) : error;
  }
}

function url(env: Environment, name: Variable, protocols: readonly string[]): string | null {
  const value = text(env, name);
  if (value === null) return null;
  if (URL.canParse(value) && protocols.includes(new URL(value).protocol)) return value;
  throw new ConfigError(
    `${name} must be a URL that starts with ${protocols.map((p) => `${p}//`).join(' or ')}`,
  );
}
