/**
 * What browsers and this server say to each other about passkeys (WebAuthn), by a library that is loaded with the first of it: it
 * takes 0.45 s of a processor, and most nodes start without anybody signing in.
 */
import type {
  AuthenticationResponseJSON,
  AuthenticatorTransport,
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
  RegistrationResponseJSON,
} from '@simplewebauthn/server';
import type { FastifyRequest } from 'fastify';
import { parse as parseUuid } from 'uuid';
import { ApiError, fieldError } from '../http/errors.ts';
import type { Passkey } from './passkeysSql.ts';

const load = () => import('@simplewebauthn/server');

/** Where a page is that asks: a passkey is good for the host's name, whatever the port. */
export interface Place {
  readonly origin: string;
  readonly rpId: string;
}

/** Of a request whose origin was found to be this server's own. @throws ApiError 403 */
export function placeOf({ headers: { origin } }: FastifyRequest): Place {
  if (origin === undefined || !URL.canParse(origin)) throw new ApiError('origin_not_allowed');
  return { origin, rpId: new URL(origin).hostname };
}

/** What a browser needs to make a passkey: one that finds its user by itself, and asks for a finger, a face or a PIN. */
export async function registrationOptions(
  { rpId }: Place,
  user: { readonly id: string; readonly email: string; readonly name: string },
  passkeys: readonly Passkey[],
): Promise<PublicKeyCredentialCreationOptionsJSON> {
  const { generateRegistrationOptions } = await load();
  return generateRegistrationOptions({
    rpName: 'Plexy Pay',
    rpID: rpId,
    userID: Uint8Array.from(parseUuid(user.id)),
    userName: user.email,
    userDisplayName: user.name,
    attestationType: 'none',
    authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
    excludeCredentials: passkeys
      .filter((passkey) => passkey.rpId === rpId)
      .map(({ credentialId, transports }) => ({
        id: credentialId.toString('base64url'),
        transports: [...transports] as AuthenticatorTransport[],
      })),
  });
}

/** What a browser needs to sign in with any passkey that it has for this host. */
export async function signInOptions({ rpId }: Place): Promise<PublicKeyCredentialRequestOptionsJSON> {
  const { generateAuthenticationOptions } = await load();
  return generateAuthenticationOptions({ rpID: rpId, userVerification: 'required' });
}

/** The challenge that a browser says it has signed. @returns null when it says none */
export function challengeOf(clientDataJSON: string): string | null {
  try {
    const { challenge } = JSON.parse(Buffer.from(clientDataJSON, 'base64url').toString('utf8'));
    return typeof challenge === 'string' ? challenge : null;
  } catch {
    return null;
  }
}

/**
 * Whether a device says nothing about itself, or what its new key has signed alone: nobody asks for more. The library would
 * look through certificates that come with it, and ask at whatever address they name whether they are revoked.
 * @throws ApiError 400 when it says more
 */
async function requireNoCertificates(attestationObject: string): Promise<void> {
  const { decodeAttestationObject } = await import('@simplewebauthn/server/helpers');
  const decoded = decodeAttestationObject(Uint8Array.from(Buffer.from(attestationObject, 'base64url')));
  const [fmt, statement] = [decoded.get('fmt'), decoded.get('attStmt')];
  if (fmt === 'none') return;
  if (fmt === 'packed' && statement instanceof Map && !statement.has('x5c')) return;
  const rule =
    'must be of the format none, or packed without certificates: attestation of devices is not taken';
  throw fieldError('invalid_request', 'response.response.attestationObject', rule);
}

/**
 * @returns what is kept of a new passkey; null when it does not hold
 * @throws ApiError 400 when the device sends certificates
 */
export async function verifyRegistration(
  { origin, rpId }: Place,
  response: RegistrationResponseJSON,
  expectedChallenge: string,
): Promise<Pick<Passkey, 'credentialId' | 'publicKey' | 'counter' | 'transports'> | null> {
  try {
    await requireNoCertificates(response.response.attestationObject);
  } catch (error) {
    if (error instanceof ApiError) throw error;
    return null;
  }
  const { verifyRegistrationResponse } = await load();
  const verified = await verifyRegistrationResponse({
    response,
    expectedChallenge,
    expectedOrigin: origin,
    expectedRPID: rpId,
  }).catch(() => null);
  if (verified?.verified !== true) return null;
  const { id, publicKey, counter, transports = [] } = verified.registrationInfo.credential;
  return {
    credentialId: Buffer.from(id, 'base64url'),
    publicKey: Buffer.from(publicKey),
    counter,
    transports,
  };
}

/** @returns how often the device has signed; null when the signature does not hold, or the count went back */
export async function verifySignIn(
  { origin, rpId }: Place,
  response: AuthenticationResponseJSON,
  expectedChallenge: string,
  passkey: Passkey,
): Promise<number | null> {
  if (passkey.rpId !== rpId) return null;
  const { verifyAuthenticationResponse } = await load();
  const verified = await verifyAuthenticationResponse({
    response,
    expectedChallenge,
    expectedOrigin: origin,
    expectedRPID: rpId,
    credential: {
      id: passkey.credentialId.toString('base64url'),
      publicKey: Uint8Array.from(passkey.publicKey),
      counter: passkey.counter,
    },
  }).catch(() => null);
  return verified?.verified === true ? verified.authenticationInfo.newCounter : null;
}
