/**
 * The identity provider, by `openid-client`, which is loaded with the first sign-in. What the provider says about itself is asked for
 * then and kept for an hour: a start does not wait for it, and while it is down only those who sign in there notice.
 */
import type { ClientAuth, Configuration, IDToken } from 'openid-client';
import type { Parsed } from '../../core/values/parse.ts';
import { parseName } from '../../http/adminCommon.ts';
import { parseEmail } from '../signIn.ts';
import type { Identity } from './identities.ts';
import { createProviderFetch, ProviderUnreachableError } from './providerFetch.ts';
import type { OidcSettings } from './settings.ts';

const load = () => import('openid-client');

/** One question; a sign-in asks three or four. */
const LIMIT_S = 5;
const KEPT_MS = 3_600_000;
/** After a failure nobody asks for so long: strangers could make a provider in trouble work otherwise. */
const FAILED_MS = 2_000;
/** How far the provider's clock may be from ours. */
const CLOCK_TOLERANCE_S = 60;

/** What is kept between leaving for the provider and coming back. */
export interface Departure {
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string;
  readonly redirectUri: string;
  /** How old the sign-in at the provider may be when the browser leaves, in seconds; null: any. */
  readonly maxAge: number | null;
  /** When the browser left, in seconds since 1970. */
  readonly beganAt: number;
}

/** Somebody who has come back. */
export interface Arrival {
  readonly identity: Identity;
  readonly idToken: string;
}

/** What the provider tells is wrong, or it has not signed anybody in. */
export class NotProvedError extends Error {
  /** Whether the provider, or the person there, said no. */
  readonly isRefusal: boolean;
  constructor(message: string, isRefusal: boolean, cause: unknown) {
    super(message, { cause });
    this.isRefusal = isRefusal;
  }
}

export class Provider {
  readonly settings: OidcSettings;
  #known: { readonly configuration: Promise<Configuration>; readonly until: number } | null = null;

  constructor(settings: OidcSettings) {
    this.settings = settings;
  }

  /** @throws ProviderUnreachableError */
  async configuration(): Promise<Configuration> {
    if (this.#known !== null && this.#known.until > performance.now()) return this.#known.configuration;
    const configuration = this.#discover();
    this.#known = { configuration, until: performance.now() + KEPT_MS };
    configuration.catch(() => {
      this.#known = { configuration, until: performance.now() + FAILED_MS };
    });
    return configuration;
  }

  async #discover(): Promise<Configuration> {
    const client = await load();
    const { issuer, isLocal, clientId, clientSecret } = this.settings;
    const basic = client.ClientSecretBasic(clientSecret);
    const post = client.ClientSecretPost(clientSecret);
    const prove: ClientAuth = (server, ...rest) => {
      // Basic is what a provider takes that names nothing.
      const takesBasic =
        server.token_endpoint_auth_methods_supported?.includes('client_secret_basic') ?? true;
      return (takesBasic ? basic : post)(server, ...rest);
    };
    try {
      return await client.discovery(new URL(issuer), clientId, undefined, prove, {
        [client.customFetch]: createProviderFetch(isLocal),
        timeout: LIMIT_S,
        execute: [
          // The signature of an ID token is checked, too, though it comes from the provider itself.
          client.enableNonRepudiationChecks,
          ...(issuer.startsWith('http:') ? [client.allowInsecureRequests] : []),
        ],
      });
    } catch (cause) {
      throw new ProviderUnreachableError('the provider does not say what it offers', { cause });
    }
  }

  /**
   * Where a browser is sent to sign in.
   * @param isAgain whether the provider must ask its user, whoever is signed in there
   * @throws ProviderUnreachableError
   */
  async depart(redirectUri: string, isAgain: boolean): Promise<{ url: string; departure: Departure }> {
    const configuration = await this.configuration();
    const client = await load();
    const departure: Departure = {
      state: client.randomState(),
      nonce: client.randomNonce(),
      codeVerifier: client.randomPKCECodeVerifier(),
      redirectUri,
      maxAge: isAgain ? 0 : null,
      beganAt: Date.now() / 1_000,
    };
    const { scopes, acrValues } = this.settings;
    const url = client.buildAuthorizationUrl(configuration, {
      scope: scopes,
      redirect_uri: redirectUri,
      state: departure.state,
      nonce: departure.nonce,
      code_challenge: await client.calculatePKCECodeChallenge(departure.codeVerifier),
      code_challenge_method: 'S256',
      ...(acrValues.length === 0 ? {} : { acr_values: acrValues.join(' ') }),
      ...(isAgain ? { max_age: '0', prompt: 'login' } : {}),
    });
    return { url: url.href, departure };
  }

  /**
   * Who has come back from the provider.
   * @param search of the address that the provider has sent the browser to
   * @throws NotProvedError, ProviderUnreachableError
   */
  async arrive(departure: Departure, search: string): Promise<Arrival> {
    const configuration = await this.configuration();
    const client = await load();
    const { state, nonce, codeVerifier, redirectUri, maxAge, beganAt } = departure;
    try {
      const tokens = await client.authorizationCodeGrant(configuration, new URL(search, redirectUri), {
        expectedState: state,
        expectedNonce: nonce,
        pkceCodeVerifier: codeVerifier,
        idTokenExpected: true,
      });
      const claims = tokens.claims();
      if (claims === undefined || tokens.id_token === undefined) throw new Error('there is no ID token');
      const more = await this.#more(configuration, tokens.access_token, claims);
      const identity = identityOf(claims, more, this.settings, Date.now() / 1_000);
      // By when the browser left, not by now: who is asked may take minutes to answer.
      const { authenticatedAt } = identity;
      const isOld = authenticatedAt === null || authenticatedAt < beganAt - (maxAge ?? 0) - CLOCK_TOLERANCE_S;
      if (maxAge !== null && isOld) throw new Error('the provider has not asked again, or does not say so');
      return { identity, idToken: tokens.id_token };
    } catch (error) {
      if (isUnreachable(error))
        throw new ProviderUnreachableError('the provider was not reached', { cause: error });
      const isRefusal = error instanceof client.AuthorizationResponseError;
      throw new NotProvedError(
        isRefusal ? `the provider says ${wordOf(error.error)}` : 'what the provider has told does not hold',
        isRefusal,
        error,
      );
    }
  }

  /** Many providers put little into the ID token, and tell the rest where they are asked for it. */
  async #more(configuration: Configuration, accessToken: string, claims: IDToken): Promise<object> {
    const { operators } = this.settings;
    const lacks = (name: string): boolean => claimOf(claims, name) === undefined;
    const isComplete =
      !lacks('email') && !lacks('email_verified') && (operators === null || !lacks(operators.claim));
    if (isComplete || configuration.serverMetadata().userinfo_endpoint === undefined) return {};
    const { fetchUserInfo } = await load();
    return fetchUserInfo(configuration, accessToken, claims.sub).catch((error: unknown) => {
      // Who is linked needs nothing of it, and who is not is refused without it.
      if (isUnreachable(error)) throw error;
      return {};
    });
  }

  /**
   * Where a browser is sent to sign out at the provider, too.
   * @returns null when the provider offers that to nobody, or cannot be reached
   */
  async signOutUrl(idToken: string, returnTo: string): Promise<string | null> {
    const configuration = await this.configuration().catch(() => null);
    if (configuration?.serverMetadata().end_session_endpoint === undefined) return null;
    const { buildEndSessionUrl } = await load();
    return buildEndSessionUrl(configuration, {
      id_token_hint: idToken,
      post_logout_redirect_uri: returnTo,
    }).href;
  }
}

/** `openid-client` wraps whatever was thrown. */
function isUnreachable(error: unknown): boolean {
  for (let one = error; one instanceof Error; one = one.cause)
    if (one instanceof ProviderUnreachableError) return true;
  return false;
}

type Claims = Readonly<Record<string, unknown>>;

/** A claim by its name; a name with dots is also a way through objects, as in `realm_access.roles`. */
export function claimOf(claims: object, name: string): unknown {
  if (Object.hasOwn(claims, name)) return (claims as Claims)[name];
  let value: unknown = claims;
  for (const part of name.split('.'))
    value =
      typeof value === 'object' && value !== null && Object.hasOwn(value, part)
        ? (value as Claims)[part]
        : undefined;
  return value;
}

/** The query of the callback is anybody's: only a code of OAuth gets into the log. */
function wordOf(text: string): string {
  return /^\w{1,60}$/.test(text) ? text : 'something else';
}

/** Ways to sign in (RFC 8176) by what somebody has; a code by SMS or telephone is none, since others can read it. */
const HAS = ['otp', 'hwk', 'sc'];
/** And by what somebody knows or is. */
const KNOWS_OR_IS = ['pwd', 'pin', 'face', 'fpt', 'iris', 'retina', 'vbm'];
const OVERHEARD = ['sms', 'tel'];

/** Whether these ways are two of different kinds. What `mfa` stands for is not told; beside a code by SMS it is that. */
function areTwoFactors(ways: readonly unknown[]): boolean {
  const has = (kinds: readonly string[]): boolean => kinds.some((kind) => ways.includes(kind));
  return has(['mfa']) ? !has(OVERHEARD) || has(HAS) : has(HAS) && has(KNOWS_OR_IS);
}

/** @returns null when there is none, or what could not be a user's */
function parsedOr(parse: (text: string) => Parsed<string>, value: unknown): string | null {
  const parsed = typeof value === 'string' ? parse(value) : null;
  return parsed?.ok === true ? parsed.value : null;
}

/** An address that is another one in small letters is not that one: the sign for Kelvin would become a `k`. */
function addressOf(email: unknown): string | null {
  const parsed = parsedOr(parseEmail, email);
  const isAscii = (text: unknown): boolean => typeof text === 'string' && /^[ -~]*$/.test(text);
  return isAscii(parsed) && !isAscii(email) ? null : parsed;
}

/**
 * What is believed of what the provider tells: of how somebody has signed in only the ID token, of an address only together with
 * whether it is verified.
 * @param more what the provider tells where it is asked
 * @param now in seconds since 1970
 */
export function identityOf(
  claims: IDToken,
  more: object,
  { acrValues, operators }: OidcSettings,
  now: number,
): Identity {
  const { iss, sub, acr, amr, auth_time: time } = claims;
  const isWhole = Object.hasOwn(claims, 'email') && Object.hasOwn(claims, 'email_verified');
  const { email, email_verified: verified }: Claims = isWhole || !('email' in more) ? claims : { ...more };
  const ways: readonly unknown[] = Array.isArray(amr) ? amr : [];
  const values =
    operators === null ? [] : [claims, more].flatMap((source) => [claimOf(source, operators.claim)].flat());
  return {
    issuer: iss,
    subject: sub,
    email: addressOf(email),
    isEmailVerified: verified === true,
    name: parsedOr(parseName, claims.name) ?? parsedOr(parseName, claimOf(more, 'name')),
    isOperator: operators === null ? null : values.includes(operators.value),
    hasSecondFactor: (typeof acr === 'string' && acrValues.includes(acr)) || areTwoFactors(ways),
    authenticatedAt: typeof time === 'number' && time <= now + CLOCK_TOLERANCE_S ? time : null,
  };
}
