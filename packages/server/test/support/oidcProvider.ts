/** A real identity provider (`oidc-provider`) on this machine, with a page on which people sign in. */
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';

/** What the provider says of somebody, besides who it is. */
export interface Person {
  readonly email?: string;
  readonly email_verified?: boolean;
  readonly name?: string;
  readonly groups?: readonly string[];
  /** How they are asked to prove who they are. */
  readonly amr?: readonly string[];
}

export interface OidcProvider {
  readonly issuer: string;
  /** What a node is configured with to sign people in here. */
  readonly environment: Readonly<Record<string, string>>;
  /** Those who can sign in, by what they type as their name, which is also their subject. */
  readonly people: Map<string, Person>;
  /** Every request that was made, as `POST /token`. */
  readonly requests: string[];
  /** Lets this node send people here. */
  admit(...urls: readonly string[]): void;
  /** Answers nothing but 503 from now on, or as before again. */
  setDown(isDown: boolean): void;
  stop(): Promise<void>;
}

const CLIENT = { id: 'plexy', secret: 'a secret of the provider and of us' };

interface Options {
  /** Whether the ID token has all claims; else they are told to who asks for them, as OpenID Connect has it. */
  readonly isTellingInToken?: boolean;
  /** To be asked by https, as localhost. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

export async function startOidcProvider({
  isTellingInToken = false,
  tls,
}: Options = {}): Promise<OidcProvider> {
  let provider: Provider | null = null;
  let isDown = false;
  const people = new Map<string, Person>();
  const requests: string[] = [];
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    requests.push(`${request.method} ${request.url?.replace(/\?.*/, '')}`);
    if (provider === null || isDown) {
      response.writeHead(503).end();
      return;
    }
    const [, uid] = /^\/interaction\/([\w-]+)$/.exec(request.url ?? '') ?? [];
    if (uid === undefined) provider.callback()(request, response);
    else void interact(provider, people, request, response);
  };
  const server = tls === undefined ? createServer(answer) : createTlsServer(tls, answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const issuer = tls === undefined ? `http://127.0.0.1:${port}` : `https://localhost:${port}`;
  const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
  return {
    ...{ issuer, people, requests },
    environment: {
      OIDC_ISSUER: issuer,
      OIDC_CLIENT_ID: CLIENT.id,
      OIDC_CLIENT_SECRET: CLIENT.secret,
      OIDC_NAME: 'Acme <SSO>',
    },
    admit: (...urls) => {
      provider = providerFor(issuer, key, people, urls, isTellingInToken);
    },
    setDown: (down) => {
      isDown = down;
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function providerFor(
  issuer: string,
  key: object,
  people: ReadonlyMap<string, Person>,
  urls: readonly string[],
  isTellingInToken: boolean,
): Provider {
  return new Provider(issuer, {
    clients: [
      {
        client_id: CLIENT.id,
        client_secret: CLIENT.secret,
        redirect_uris: urls.map((url) => `${url}/v1/session/oidc/callback`),
        post_logout_redirect_uris: urls.map((url) => `${url}/dashboard`),
      },
    ],
    claims: { openid: ['sub', 'amr'], email: ['email', 'email_verified'], profile: ['name', 'groups'] },
    conformIdTokenClaims: !isTellingInToken,
    cookies: { keys: [randomUUID()] },
    jwks: { keys: [{ ...key, kid: 'one', use: 'sig', alg: 'RS256' }] },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
    ttl: { Session: 3_600, Interaction: 600, Grant: 600, AccessToken: 600, IdToken: 600 },
    findAccount: (_context, sub) => ({
      accountId: sub,
      claims: () => {
        const { amr: _, ...claims } = people.get(sub) ?? {};
        return { sub, ...claims } as { sub: string };
      },
    }),
    // Nobody is asked whether we may know who they are: it is their own employer's.
    loadExistingGrant: async (context) => {
      const { client, session } = context.oidc;
      const grant = new context.oidc.provider.Grant({
        ...(client === undefined ? {} : { clientId: client.clientId }),
        ...(session?.accountId === undefined ? {} : { accountId: session.accountId }),
      });
      grant.addOIDCScope('openid email profile');
      await grant.save();
      return grant;
    },
  });
}

/** The page on which somebody says who they are; `cancel` says nothing. */
async function interact(
  provider: Provider,
  people: ReadonlyMap<string, Person>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method === 'GET') {
    response.setHeader('content-type', 'text/html');
    response.end(
      '<!doctype html><title>Acme</title><form method="post"><label>Name <input name="login"></label><button>Enter</button><button name="cancel" value="1">Cancel</button></form>',
    );
    return;
  }
  let body = '';
  for await (const chunk of request) body += chunk;
  const form = new URLSearchParams(body);
  const login = form.get('login') ?? '';
  const person = people.get(login);
  const isRefused = form.has('cancel') || person === undefined;
  await provider.interactionFinished(
    request,
    response,
    isRefused
      ? { error: 'access_denied', error_description: 'nobody has signed in' }
      : { login: { accountId: login, ...(person.amr === undefined ? {} : { amr: [...person.amr] }) } },
  );
}
