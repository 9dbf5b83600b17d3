/**
 * Codes that prove a user besides the password: those of an authenticator app (TOTP, RFC 6238), and recovery codes for
 * whoever has lost it. What is typed tells which it is.
 */
import { hash } from 'node:crypto';
import { Secret, TOTP } from 'otpauth';

const STEP_MS = 30_000;
/** The app's clock may be a step behind or ahead. */
const DRIFT_STEPS = 1;
/** RFC 4226 asks for 160 bits. */
const SECRET_BYTES = 20;
const RECOVERY_BYTES = 10;
const RECOVERY_CODES = 10;

/** A code as it was typed. */
export type TypedCode =
  | { readonly kind: 'totp'; readonly digits: string }
  | { readonly kind: 'recovery_code'; readonly hash: Buffer };

/** A new secret in Base32, as people type it into an app. */
export function newTotpSecret(): string {
  return new Secret({ size: SECRET_BYTES }).base32;
}

/** What the QR code says: apps read the secret from it, and under which name to show its codes. */
export function totpUri(secret: string, issuer: string, email: string): string {
  return totpOf(secret, { issuer, label: email }).toString();
}

/**
 * The step of which the app showed this code.
 * @param now in milliseconds
 * @param after steps of which codes were accepted before: up to this one
 * @returns null when it is no code of the present, or not a new one
 */
export function stepOfCode(secret: string, digits: string, now: number, after: number | null): number | null {
  const delta = totpOf(secret).validate({ token: digits, timestamp: now, window: DRIFT_STEPS });
  if (delta === null) return null;
  const step = Math.floor(now / STEP_MS) + delta;
  return after !== null && step <= after ? null : step;
}

function totpOf(secret: string, names: { readonly issuer?: string; readonly label?: string } = {}): TOTP {
  return new TOTP({
    ...names,
    algorithm: 'SHA1',
    digits: 6,
    period: STEP_MS / 1_000,
    secret: Secret.fromBase32(secret),
  });
}

/** New recovery codes, in groups of four, as they are shown. */
export function newRecoveryCodes(): string[] {
  return Array.from({ length: RECOVERY_CODES }, () =>
    new Secret({ size: RECOVERY_BYTES }).base32.replace(/(.{4})(?=.)/g, '$1-'),
  );
}

/** What is stored of a recovery code: it has so many random bits that it needs no salt. */
export function hashRecoveryCode(code: string): Buffer {
  return hash('sha256', compact(code), 'buffer');
}

/** Blanks, dashes and small letters are as people type. @returns null when it is neither kind of code */
export function codeOf(text: string): TypedCode | null {
  const code = compact(text);
  if (/^\d{6}$/.test(code)) return { kind: 'totp', digits: code };
  return /^[A-Z2-7]{16}$/.test(code) ? { kind: 'recovery_code', hash: hashRecoveryCode(code) } : null;
}

function compact(text: string): string {
  return text.replace(/[\s-]/g, '').toUpperCase();
}
