import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ConfigError, readConfig, workersPart } from '../../src/app/config.ts';

const DATABASE_URL = 'postgres://plexy@db.internal:5432/plexy';
const SECRET_KEY = 'a secret of at least 32 characters';
const PRODUCTION = { MODE: 'production', DATABASE_URL, SECRET_KEY };

function refuses(env: Record<string, string>, sentence: RegExp): void {
  assert.throws(
    () => readConfig(env),
    (error: unknown) => {
      assert.ok(error instanceof ConfigError);
      assert.match(error.message, sentence);
      assert.doesNotMatch(error.message, /\n/);
      return true;
    },
    JSON.stringify(env),
  );
}

test('without any variable it is a sandbox on this machine', () => {
  assert.deepEqual(readConfig({}), {
    mode: 'sandbox',
    host: '127.0.0.1',
    port: 8080,
    adminPort: null,
    adminHost: '127.0.0.1',
    metricsToken: null,
    allowedHosts: [],
    hostedHosts: [],
    databaseUrl: null,
    databaseDirectUrl: null,
    databaseReplicaUrl: null,
    replicaMaxLagSeconds: 10,
    migrate: true,
    dataDir: '.data',
    logLevel: 'info',
    secretKey: null,
    otherSecretKeys: [],
    publicUrl: null,
    acquirer: null,
    connectors: [],
    acquirerTimeoutMs: 7_000,
    acquirerPatienceMs: 60_000,
    trustedProxies: [],
    keepAliveSeconds: 620,
    maxConnections: 10_000,
    requestLog: true,
    rateLimitPerSecond: 0,
    batchSize: 96,
    batchLanes: 2,
    maxQueue: 10_000,
    poolSize: 10,
    workers: 1,
    hasPrimary: false,
    eventSink: null,
    oidc: null,
    tracing: null,
  });
});

test('the rate limit of merchants is on in production, and off in a sandbox', () => {
  assert.equal(readConfig(PRODUCTION).rateLimitPerSecond, 2_000);
  assert.equal(readConfig({ ...PRODUCTION, RATE_LIMIT_PER_SECOND: '0' }).rateLimitPerSecond, 0);
  assert.equal(readConfig({}).rateLimitPerSecond, 0);
});

test('every variable is read', () => {
  const config = readConfig({
    ...PRODUCTION,
    HOST: '0.0.0.0',
    PORT: '1',
    ADMIN_PORT: '2',
    ADMIN_HOST: '10.0.0.2',
    METRICS_TOKEN: 'a-token-of-a-scraper',
    ALLOWED_HOSTS: 'Pay.internal, plexy',
    HOSTED_HOSTS: 'api.Plexy.example',
    DATABASE_DIRECT_URL: 'postgresql://direct/plexy',
    DATABASE_REPLICA_URL: 'postgres://standby/plexy?sslmode=disable&target_session_attrs=standby',
    REPLICA_MAX_LAG_SECONDS: '30',
    WORKERS: '3',
    MIGRATE: 'off',
    DATA_DIR: '/data',
    LOG_LEVEL: 'warn',
    OTHER_SECRET_KEYS: `${'b'.repeat(32)},${'c'.repeat(32)}`,
    PUBLIC_URL: 'https://pay.example/',
    ACQUIRER_URL: 'https://bank.example/',
    ACQUIRER_SECRET: 'a secret of the bank',
    ACQUIRER_TIMEOUT_MS: '200',
    CONNECTORS: '@bank/connector, ./other.js',
    ACQUIRER_PATIENCE_MS: '2000',
    TRUSTED_PROXIES: '10.0.0.0/8, ::1',
    KEEP_ALIVE_SECONDS: '8',
    MAX_CONNECTIONS: '9',
    REQUEST_LOG: '0',
    RATE_LIMIT_PER_SECOND: '3',
    BATCH_SIZE: '4',
    BATCH_LANES: '5',
    MAX_QUEUE: '6',
    POOL_SIZE: '7',
  });
  assert.deepEqual(config, {
    mode: 'production',
    host: '0.0.0.0',
    port: 1,
    adminPort: 2,
    adminHost: '10.0.0.2',
    metricsToken: 'a-token-of-a-scraper',
    allowedHosts: ['pay.internal', 'plexy'],
    hostedHosts: ['api.plexy.example'],
    databaseUrl: DATABASE_URL,
    databaseDirectUrl: 'postgresql://direct/plexy',
    databaseReplicaUrl: 'postgres://standby/plexy?sslmode=disable',
    replicaMaxLagSeconds: 30,
    workers: 3,
    hasPrimary: true,
    migrate: false,
    dataDir: '/data',
    logLevel: 'warn',
    secretKey: SECRET_KEY,
    otherSecretKeys: ['b'.repeat(32), 'c'.repeat(32)],
    publicUrl: 'https://pay.example',
    acquirer: { url: 'https://bank.example', secret: 'a secret of the bank' },
    connectors: ['@bank/connector', './other.js'],
    acquirerTimeoutMs: 200,
    acquirerPatienceMs: 2_000,
    trustedProxies: ['10.0.0.0/8', '::1'],
    keepAliveSeconds: 8,
    maxConnections: 9,
    requestLog: false,
    rateLimitPerSecond: 3,
    batchSize: 4,
    batchLanes: 5,
    maxQueue: 6,
    poolSize: 7,
    eventSink: null,
    oidc: null,
    tracing: null,
  });
});

describe('secrets of files', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'secrets-'));
  });
  after(() => rm(folder, { recursive: true }));
  const file = async (content: string): Promise<string> => {
    const name = path.join(folder, randomBytes(6).toString('hex'));
    await writeFile(name, content);
    return name;
  };

  test('each may be in one, whose last line may have an end', async () => {
    const { SECRET_KEY: _, DATABASE_URL: __, ...production } = PRODUCTION;
    const others = ['b'.repeat(32), 'c'.repeat(32)];
    const config = readConfig({
      ...production,
      SECRET_KEY_FILE: await file(`${SECRET_KEY}\n`),
      OTHER_SECRET_KEYS_FILE: await file(`${others.join('\r\n')}\r\n`),
      DATABASE_URL_FILE: await file(DATABASE_URL),
      DATABASE_DIRECT_URL_FILE: await file('postgres://direct/plexy'),
      DATABASE_REPLICA_URL_FILE: await file('postgres://standby/plexy\n'),
      METRICS_TOKEN_FILE: await file('a-token-of-a-scraper\n'),
      ACQUIRER_URL: 'https://bank.example/',
      ACQUIRER_SECRET_FILE: await file('a secret of the bank\n'),
    });
    const { secretKey, otherSecretKeys, databaseUrl, databaseDirectUrl, databaseReplicaUrl } = config;
    assert.deepEqual([secretKey, otherSecretKeys], [SECRET_KEY, others]);
    assert.deepEqual(
      [databaseUrl, databaseDirectUrl, databaseReplicaUrl],
      [DATABASE_URL, 'postgres://direct/plexy', 'postgres://standby/plexy'],
    );
    assert.deepEqual(
      [config.metricsToken, config.acquirer?.secret],
      ['a-token-of-a-scraper', 'a secret of the bank'],
    );
  });

  test('is refused when it cannot be read, is empty, too long, or given twice', async () => {
    refuses(
      { SECRET_KEY_FILE: path.join(folder, 'nothing') },
      /^SECRET_KEY_FILE must name a file that can be read$/,
    );
    refuses({ SECRET_KEY_FILE: folder }, /^SECRET_KEY_FILE must name a file that can be read$/);
    refuses({ DATABASE_URL_FILE: '' }, /^DATABASE_URL_FILE is set but empty$/);
    refuses({ METRICS_TOKEN_FILE: await file('\n') }, /^METRICS_TOKEN_FILE names a file that is empty$/);
    assert.deepEqual(readConfig({ OTHER_SECRET_KEYS_FILE: await file('\n') }).otherSecretKeys, []);
    refuses(
      { OTHER_SECRET_KEYS_FILE: await file('x'.repeat(70_000)) },
      /^OTHER_SECRET_KEYS_FILE names a file of more than 64 KiB$/,
    );
    refuses(
      { SECRET_KEY, SECRET_KEY_FILE: await file(SECRET_KEY) },
      /^SECRET_KEY and SECRET_KEY_FILE must not both be set$/,
    );
    // What is in it has to be what the variable would.
    refuses({ SECRET_KEY_FILE: await file('short\n') }, /^SECRET_KEY must have at least 32 characters$/);
  });
});

test('a standby needs a primary; workers are counted, or one for each processor', () => {
  refuses({ DATABASE_REPLICA_URL: DATABASE_URL }, /^DATABASE_URL must be set when DATABASE_REPLICA_URL is$/);
  refuses({ DATABASE_URL, DATABASE_REPLICA_URL: 'http://x' }, /^DATABASE_REPLICA_URL must be a URL/);
  refuses(
    { REPLICA_MAX_LAG_SECONDS: '1' },
    /^REPLICA_MAX_LAG_SECONDS must be a whole number from 2 to 3600$/,
  );
  for (const WORKERS of ['0', '129', '-1', '1.5', 'all', '2 '])
    refuses({ WORKERS }, /^WORKERS must be auto or a whole number from 1 to 128$/);
  assert.equal(readConfig({ WORKERS: 'auto' }).workers, availableParallelism());
  const hasPrimary = (WORKERS: string): boolean => readConfig({ WORKERS }).hasPrimary;
  assert.deepEqual(['1', '2', 'auto'].map(hasPrimary), [false, true, true]);
});

test('each worker has its part of what the node has, and more than none', () => {
  const part = workersPart(readConfig({ WORKERS: '4', RATE_LIMIT_PER_SECOND: '10', MAX_CONNECTIONS: '3' }));
  assert.deepEqual(
    [part.rateLimitPerSecond, part.maxConnections, part.maxQueue, part.batchLanes, part.poolSize],
    [3, 1, 2_500, 1, 3],
  );
  assert.equal(workersPart(readConfig({ WORKERS: '4' })).rateLimitPerSecond, 0);
  assert.deepEqual(workersPart(readConfig({})), readConfig({}));
});

describe('a wrong value is refused with a sentence that names the variable', () => {
  const wrong: Readonly<Record<string, readonly string[]>> = {
    MODE: ['live', 'Sandbox'],
    PORT: ['abc', '-1', '65536', '80.5', '0x50', '1e3', ' 80'],
    ADMIN_PORT: ['abc', '70000'],
    METRICS_TOKEN: ['short', 'a token with spaces in it', 'ключ-из-многих-букв'],
    ALLOWED_HOSTS: ['plexy:8080', 'http://plexy', 'a b', '*', 'plexy,-'],
    HOSTED_HOSTS: ['api:443', '*.plexy.example'],
    DATABASE_URL: [
      'db.internal',
      'mysql://db/plexy',
      'postgres//db',
      'postgres://a,,b/x',
      'postgres://a:x,b/y',
    ],
    MIGRATE: ['on', 'AUTO', '0'],
    DATABASE_DIRECT_URL: ['db.internal', 'http://db/plexy'],
    LOG_LEVEL: ['verbose', 'INFO'],
    SECRET_KEY: ['short', 'x'.repeat(31)],
    OTHER_SECRET_KEYS: ['short', `${'x'.repeat(32)},short`],
    PUBLIC_URL: ['pay.example', 'ftp://pay.example'],
    TRUSTED_PROXIES: ['proxy', '10.0.0.0/33', '10.0.0.0/', '10.0.0.1/8/8', '10.0.0.1;::1'],
    KEEP_ALIVE_SECONDS: ['0', '86401', '10m'],
    MAX_CONNECTIONS: ['0', '1000001', 'all'],
    REQUEST_LOG: ['yes', 'false'],
    RATE_LIMIT_PER_SECOND: ['-1', 'off', '1000001'],
    BATCH_SIZE: ['0', '1001', 'x'],
    BATCH_LANES: ['0', '33'],
    MAX_QUEUE: ['0', '1000001'],
    POOL_SIZE: ['0', '1001'],
    SANDBOX_ALLOW_REMOTE: ['yes', 'true', '2'],
    HOST: ['0.0.0.0', '192.168.1.1', 'example.com', '127.0.0.1.example.com'],
  };
  for (const [name, values] of Object.entries(wrong)) {
    test(name, () => {
      for (const value of values) refuses({ [name]: value }, new RegExp(`^${name} must`));
    });
  }
  for (const name of [...Object.keys(wrong), 'DATA_DIR']) {
    test(`${name} set but empty`, () => {
      refuses({ [name]: '' }, new RegExp(`^${name} is set but empty$`));
      refuses({ [name]: '  ' }, new RegExp(`^${name} is set but empty$`));
    });
  }
  test('a secret is never part of the sentence', () => {
    assert.throws(
      () => readConfig({ SECRET_KEY: 'hunter2' }),
      (error: Error) => !error.message.includes('hunter2'),
    );
    assert.throws(
      () => readConfig({ DATABASE_URL: 'mysql://me:hunter2@db/x' }),
      (error: Error) => !error.message.includes('hunter2'),
    );
  });
});

describe('what belongs together', () => {
  test('production needs a database and a key', () => {
    refuses({ MODE: 'production', SECRET_KEY }, /^DATABASE_URL must be set when MODE is production$/);
    refuses({ MODE: 'production', DATABASE_URL }, /^SECRET_KEY must be set when MODE is production$/);
    assert.equal(readConfig(PRODUCTION).mode, 'production');
  });

  describe('production refuses what would give its secrets away', () => {
    const acquirer = { ACQUIRER_URL: 'https://bank.example', ACQUIRER_SECRET: 'a secret of the bank' };

    test('a SECRET_KEY that can be guessed', () => {
      for (const secret of [
        'a'.repeat(32),
        'ab'.repeat(20),
        '0123456789'.repeat(4),
        'abcdefghijklmnopqrstuvwxyzABCDEFGHIJ',
        'password'.repeat(5),
        'qwertyuiop'.repeat(4),
        '00000000-0000-0000-0000-000000000000',
      ]) {
        refuses({ ...PRODUCTION, SECRET_KEY: secret }, /^SECRET_KEY repeats itself; make one with: openssl/);
        assert.equal(readConfig({ SECRET_KEY: secret }).secretKey, secret);
      }
      for (const bytes of [16, 32, 64]) {
        for (const encoding of ['hex', 'base64', 'base64url'] as const) {
          const secret = randomBytes(bytes).toString(encoding).padEnd(32, 'x9!');
          assert.equal(readConfig({ ...PRODUCTION, SECRET_KEY: secret }).secretKey, secret);
        }
      }
    });

    test('an ACQUIRER_SECRET that can be guessed', () => {
      for (const secret of ['x', 'fifteen letters'])
        refuses(
          { ...PRODUCTION, ...acquirer, ACQUIRER_SECRET: secret },
          /^ACQUIRER_SECRET must have at least 16/,
        );
      for (const secret of ['x'.repeat(16), '1234567890123456'])
        refuses({ ...PRODUCTION, ...acquirer, ACQUIRER_SECRET: secret }, /^ACQUIRER_SECRET repeats itself/);
      assert.notEqual(readConfig({ ...PRODUCTION, ...acquirer }).acquirer, null);
    });

    for (const name of ['ACQUIRER_URL', 'PUBLIC_URL'] as const) {
      test(`${name} in clear, but on this machine`, () => {
        for (const url of ['http://bank.example', 'http://10.0.0.1:8080', 'http://127.0.0.1.example.com'])
          refuses(
            { ...PRODUCTION, ...acquirer, [name]: url },
            new RegExp(`^${name} must start with https://`),
          );
        for (const url of [
          'http://127.0.0.1:8399',
          'http://localhost:8399',
          'http://[::1]:8399',
          'https://x.example',
        ])
          assert.equal(readConfig({ ...PRODUCTION, ...acquirer, [name]: url }).mode, 'production');
      });
    }
  });

  test('a bank needs an address and a secret', () => {
    refuses({ ACQUIRER_URL: 'https://bank.example' }, /^ACQUIRER_SECRET must be set when ACQUIRER_URL is$/);
    refuses({ ACQUIRER_SECRET: 'x' }, /^ACQUIRER_URL must be set when ACQUIRER_SECRET is$/);
  });

  test('two listeners need two ports', () => {
    refuses({ PORT: '9000', ADMIN_PORT: '9000' }, /^ADMIN_PORT must not be the same as PORT$/);
    refuses({ ADMIN_PORT: '8080' }, /^ADMIN_PORT must not be the same as PORT$/);
    assert.equal(readConfig({ PORT: '0', ADMIN_PORT: '0' }).adminPort, 0);
  });

  test('a sandbox listens on this machine only, unless that is allowed', () => {
    for (const HOST of ['127.0.0.1', '127.0.0.2', '::1', 'localhost'])
      assert.equal(readConfig({ HOST }).host, HOST);
    refuses({ HOST: '0.0.0.0', SANDBOX_ALLOW_REMOTE: '0' }, /^HOST must be a loopback address/);
    assert.equal(readConfig({ HOST: '0.0.0.0', SANDBOX_ALLOW_REMOTE: '1' }).host, '0.0.0.0');
    assert.equal(readConfig({ ...PRODUCTION, HOST: '0.0.0.0' }).host, '0.0.0.0');
  });
});

describe('the broker of events', () => {
  const sink = (more: Record<string, string> = {}) =>
    readConfig({ EVENTS_SINK_URL: 'nats://a:4222,[::1]:4223', ...more }).eventSink;

  test('is one or several servers, with a topic', () => {
    assert.deepEqual(sink(), {
      ...{ kind: 'nats', servers: ['a:4222', '[::1]:4223'], encrypted: false },
      ...{ topic: 'plexy.events', start: 'beginning', user: null, password: null, sasl: 'SCRAM-SHA-512' },
      ...{ credentials: null, ca: null, certificate: null, key: null },
    });
    const kafka = sink({
      EVENTS_SINK_URL: 'kafka+tls://b:9093',
      EVENTS_SINK_TOPIC: 'x',
      EVENTS_SINK_START: 'now',
    });
    assert.deepEqual(
      [kafka?.kind, kafka?.encrypted, kafka?.topic, kafka?.start],
      ['kafka', true, 'x', 'now'],
    );
  });

  test('is known by a user with a password, which a file has', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'plexy-config-'));
    try {
      const file = path.join(folder, 'password');
      await writeFile(file, 'of the broker\n');
      const known = sink({ EVENTS_SINK_USER: 'plexy', EVENTS_SINK_PASSWORD_FILE: file });
      assert.deepEqual([known?.user, known?.password], ['plexy', 'of the broker']);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('must be named as such, and whole', () => {
    const urls = [
      'http://a:1',
      'nats://a',
      'nats://a:70000',
      'nats://u:p@a:1',
      'nats://a:1/x',
      'nats://a:1,',
      'nats://',
    ];
    for (const url of urls) refuses({ EVENTS_SINK_URL: url }, /^EVENTS_SINK_URL must be nats:\/\//);
    const wrong = (more: Record<string, string>, sentence: RegExp) =>
      refuses({ EVENTS_SINK_URL: 'nats://a:4222', ...more }, sentence);
    wrong({ EVENTS_SINK_TOPIC: 'a..b' }, /^EVENTS_SINK_TOPIC must be words/);
    wrong({ EVENTS_SINK_START: 'then' }, /^EVENTS_SINK_START must be one of beginning, now$/);
    wrong({ EVENTS_SINK_SASL: 'X' }, /^EVENTS_SINK_SASL must be one of/);
    wrong({ EVENTS_SINK_CA_FILE: '/nowhere' }, /^EVENTS_SINK_CA_FILE must name a file that can be read$/);
    wrong({ EVENTS_SINK_USER: 'x' }, /^EVENTS_SINK_USER and EVENTS_SINK_PASSWORD_FILE must be set together$/);
    refuses({ EVENTS_SINK_TOPIC: 'x' }, /^EVENTS_SINK_URL must be set when EVENTS_SINK_TOPIC is$/);
  });

  test('is reached by TLS in production, or is on this machine', () => {
    refuses(
      { ...PRODUCTION, EVENTS_SINK_URL: 'nats://a:1' },
      /^EVENTS_SINK_URL must be nats\+tls:\/\/ or kafka\+tls/,
    );
    for (const url of ['nats+tls://a:1', 'kafka://127.0.0.1:1,[::1]:2'])
      assert.notEqual(readConfig({ ...PRODUCTION, EVENTS_SINK_URL: url }).eventSink, null);
  });
});

describe('the identity provider', () => {
  const GIVEN = {
    OIDC_ISSUER: 'https://login.example.com/realms/acme',
    OIDC_CLIENT_ID: 'plexy',
    OIDC_CLIENT_SECRET: 'of the provider',
  };
  const oidc = (more: Record<string, string> = {}) => readConfig({ ...GIVEN, ...more }).oidc;

  test('is one, with what it is called and who is an operator', () => {
    assert.deepEqual(oidc(), {
      ...{ issuer: GIVEN.OIDC_ISSUER, isLocal: false, name: 'login.example.com' },
      ...{ clientId: 'plexy', clientSecret: 'of the provider', scopes: 'openid email profile' },
      ...{ acrValues: [], operators: null },
    });
    const all = oidc({
      OIDC_NAME: ' Acme ',
      OIDC_SCOPES: 'openid  email groups',
      OIDC_ACR_VALUES: 'phr phrh',
      OIDC_OPERATORS: 'realm_access.roles=cn=payment operators,dc=acme',
    });
    assert.deepEqual(
      [all?.name, all?.scopes, all?.acrValues, all?.operators],
      [
        'Acme',
        'openid email groups',
        ['phr', 'phrh'],
        { claim: 'realm_access.roles', value: 'cn=payment operators,dc=acme' },
      ],
    );
  });

  test('is named whole, or not at all', () => {
    for (const missing of Object.keys(GIVEN)) {
      const { [missing]: _, ...rest } = GIVEN as Record<string, string>;
      refuses(rest, new RegExp(`^${missing} must be set when OIDC_\\w+ is$`));
    }
    refuses({ OIDC_OPERATORS: 'groups=x' }, /^OIDC_ISSUER must be set when OIDC_OPERATORS is$/);
    refuses({ ...GIVEN, OIDC_CLIENT_SECRET: '' }, /^OIDC_CLIENT_SECRET is set but empty$/);
  });

  test('is reached by https, or is on this machine in a sandbox', () => {
    for (const url of [
      'http://login.example.com',
      'login.example.com',
      'https://login.example.com/?tenant=a',
      'https://user:secret@login.example.com',
      'https://login.example.com/#a',
      'ftp://login.example.com',
    ])
      refuses({ ...GIVEN, OIDC_ISSUER: url }, /^OIDC_ISSUER must be a URL that starts with https:\/\//);
    for (const url of ['http://127.0.0.1:1', 'http://localhost:1', 'http://[::1]:1'])
      assert.deepEqual(
        [oidc({ OIDC_ISSUER: url })?.isLocal, oidc({ OIDC_ISSUER: url })?.issuer],
        [true, url],
      );
    refuses({ ...PRODUCTION, ...GIVEN, OIDC_ISSUER: 'http://127.0.0.1:1' }, /^OIDC_ISSUER must be a URL/);
    assert.equal(readConfig({ ...PRODUCTION, ...GIVEN }).oidc?.issuer, GIVEN.OIDC_ISSUER);
  });

  test('is told apart from what cannot be meant', () => {
    const wrong = (more: Record<string, string>, sentence: RegExp) =>
      refuses({ ...GIVEN, ...more }, sentence);
    wrong({ OIDC_NAME: 'x'.repeat(41) }, /^OIDC_NAME must have at most 40 characters/);
    wrong({ OIDC_NAME: 'a\nb' }, /^OIDC_NAME must have at most 40 characters, on one line$/);
    wrong({ OIDC_SCOPES: 'email profile' }, /^OIDC_SCOPES must be scopes separated by spaces, openid among/);
    for (const OIDC_OPERATORS of ['groups', '=x', 'groups=', 'groups= '])
      wrong({ OIDC_OPERATORS }, /^OIDC_OPERATORS must be claim=value/);
  });
});

describe('traces', () => {
  const OTEL_EXPORTER_OTLP_ENDPOINT = 'http://collector:4318/';
  const tracing = (more: Record<string, string> = {}) =>
    readConfig({ OTEL_EXPORTER_OTLP_ENDPOINT, ...more }).tracing;

  test('are sent where the standard variables say, and nowhere without an address', () => {
    assert.deepEqual(tracing(), {
      url: 'http://collector:4318/v1/traces',
      ...{ protocol: 'http/protobuf', headers: {}, serviceName: 'plexy-pay', resourceAttributes: {} },
      ...{ sampler: 'parentbased_always_on', ratio: 1 },
    });
    const given = tracing({
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://b/spans',
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Basic%20eA==,x=1',
      OTEL_TRACES_SAMPLER: 'traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0.01',
    });
    assert.deepEqual(given?.headers, { authorization: 'Basic eA==', x: '1' });
    assert.deepEqual([given?.url, given?.ratio], ['https://b/spans', 0.01]);
    assert.equal(tracing({ OTEL_SDK_DISABLED: 'true' }), null);
    assert.equal(readConfig({ OTEL_SERVICE_NAME: 'x' }).tracing, null);
  });

  test('wrong values are refused', () => {
    refuses({ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' }, /^OTEL_EXPORTER_OTLP_ENDPOINT must be a URL/);
    refuses({ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, /^OTEL_EXPORTER_OTLP_PROTOCOL must be one of/);
    refuses({ OTEL_TRACES_SAMPLER: 'some' }, /^OTEL_TRACES_SAMPLER must be one of always_on/);
    for (const ratio of ['2', '-1', 'x'])
      refuses({ OTEL_TRACES_SAMPLER_ARG: ratio }, /^OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1$/);
    refuses({ OTEL_EXPORTER_OTLP_HEADERS: 'x' }, /^OTEL_EXPORTER_OTLP_HEADERS must be pairs/);
    refuses({ OTEL_RESOURCE_ATTRIBUTES: 'a=%' }, /^OTEL_RESOURCE_ATTRIBUTES must be pairs/);
  });
});
