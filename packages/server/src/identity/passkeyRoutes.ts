/** Passkeys: making, naming and removing them, and signing in with one. */
import Type from 'typebox';
import type { Deps, SignIn } from '../app/deps.ts';
import { networkOf } from '../http/addresses.ts';
import { ERRORS, idOf, parseName } from '../http/adminCommon.ts';
import type { App } from '../http/baseApp.ts';
import { clientAddressOf } from '../http/clientAddress.ts';
import { ApiError } from '../http/errors.ts';
import { exactJson } from '../http/exactJson.ts';
import { checkCredential } from '../http/idempotentWrite.ts';
import { refuseOlderNodes } from '../http/olderNodes.ts';
import { valuesOf } from '../http/parseFields.ts';
import { sendJson } from '../http/send.ts';
import { newId } from '../installation/newId.ts';
import { inTransaction } from '../postgres/pool.ts';
import { lockOwnAccount, noteFailure, noteOwn, requireProof } from './attempts.ts';
import { ANY_USER, ANY_USER_AT_FIRST, userOf } from './auth.ts';
import { begin, sendSession } from './beginSession.ts';
import { rememberBrowser } from './knownBrowsers.ts';
import {
  deletePasskey,
  findPasskey,
  insertPasskey,
  keepChallenge,
  listPasskeys,
  MAX_PASSKEYS,
  type Passkey,
  renamePasskey,
  useChallenge,
  usePasskey,
} from './passkeysSql.ts';
import { passkeyView } from './passkeyViews.ts';
import { removeSecondFactor, setUpSecondFactor } from './secondFactorRoutes.ts';
import { isServed, requireSameOrigin, type Surface } from './sessions.ts';
import * as bodies from './userSchemas.ts';
import { findUser } from './usersSql.ts';
import {
  challengeOf,
  placeOf,
  registrationOptions,
  signInOptions,
  verifyRegistration,
  verifySignIn,
} from './webauthn.ts';

const DASHBOARD = { tags: ['Dashboard'], security: [{ session: [] }] };
const OPEN = { tags: ['Dashboard'], security: [] };

export function passkeyRoutes(app: App, deps: Deps, surface: Surface, signIn: SignIn): void {
  beginRoute(app, deps, signIn);
  addRoute(app, deps, signIn);
  renameRoute(app, deps);
  removeRoute(app, deps, signIn);
  signInChallengeRoute(app, deps, signIn);
  signInRoute(app, deps, surface, signIn);
}

function beginRoute(app: App, deps: Deps, signIn: SignIn): void {
  app.post(
    '/v1/session/passkeys/challenge',
    {
      config: ANY_USER_AT_FIRST,
      schema: {
        ...DASHBOARD,
        operationId: 'beginPasskey',
        summary: 'Begin to make a passkey',
        body: bodies.ProofBody,
        response: { 200: Type.Ref('PasskeyOptions'), ...ERRORS },
      },
    },
    async (request, reply) => {
      await requireProof(deps, signIn, request, request.body.password);
      const { id } = userOf(request);
      const user = await findUser(deps.pool, id);
      if (user === null) throw new ApiError('not_signed_in');
      const passkeys = await listPasskeys(deps.pool, id);
      if (passkeys.length >= MAX_PASSKEYS) throw new ApiError('too_many_passkeys');
      const options = await registrationOptions(placeOf(request), user, passkeys);
      await inTransaction(deps.pool, async (db) => {
        await checkCredential(deps, db, request);
        await refuseOlderNodes(db, 'protectedAccounts');
        await keepChallenge(db, options.challenge, id);
      });
      return sendJson(reply, 200, exactJson({ options }));
    },
  );
}

function addRoute(app: App, deps: Deps, signIn: SignIn): void {
  app.post(
    '/v1/session/passkeys',
    {
      config: ANY_USER_AT_FIRST,
      schema: {
        ...DASHBOARD,
        operationId: 'addPasskey',
        summary: 'Keep a passkey that the browser has made',
        body: bodies.PasskeyBody,
        response: { 201: Type.Ref('AddedPasskey'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const { id: userId } = userOf(request);
      const { response } = request.body;
      const { name } = valuesOf({ name: parseName(request.body.name) });
      const place = placeOf(request);
      const challenge = challengeOf(response.response.clientDataJSON);
      // It is used up in any case, also by a response that does not hold.
      if (challenge === null || !(await useChallenge(deps.pool, challenge, userId)))
        throw new ApiError('wrong_passkey');
      const made = await verifyRegistration(place, { ...response, type: 'public-key' }, challenge);
      if (made === null) throw new ApiError('wrong_passkey');
      request.showsSecret = true;
      const added = await inTransaction(deps.pool, async (db) => {
        await lockOwnAccount(deps, db, request);
        const ids = { id: newId(), userId, rpId: place.rpId };
        let passkey: Passkey | null = null;
        const what = { passkey: name };
        const recoveryCodes = await setUpSecondFactor(db, request, what, async ({ passkeys }) => {
          // Several may have been begun when there was room for one.
          if (passkeys >= MAX_PASSKEYS) throw new ApiError('too_many_passkeys');
          passkey = await insertPasskey(db, { ...ids, ...made, name });
          if (passkey === null) throw new ApiError('already_exists', 'this passkey is there already');
        });
        if (passkey === null) throw new Error('a passkey was not made');
        return { passkey: passkeyView(passkey), recoveryCodes };
      });
      signIn.sessions.forget();
      return sendJson(reply, 201, exactJson(added));
    },
  );
}

const PasskeyId = Type.Object({ passkeyId: Type.String() });

function renameRoute(app: App, deps: Deps): void {
  app.patch(
    '/v1/session/passkeys/:passkeyId',
    {
      config: ANY_USER,
      schema: {
        ...DASHBOARD,
        operationId: 'renamePasskey',
        summary: 'Give a passkey another name',
        params: PasskeyId,
        body: bodies.PasskeyPatch,
        response: { 200: Type.Ref('Passkey'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const id = idOf(request.params.passkeyId, 'passkey_not_found');
      const { name } = valuesOf({ name: parseName(request.body.name) });
      const passkey = await inTransaction(deps.pool, async (db) => {
        await checkCredential(deps, db, request);
        const renamed = await renamePasskey(db, userOf(request).id, id, name);
        if (renamed === null) throw new ApiError('passkey_not_found');
        await noteOwn(db, request, 'passkey.rename', {
          object: { kind: 'passkey', id },
          before: { name: renamed.before },
          after: { name },
        });
        return renamed.passkey;
      });
      return sendJson(reply, 200, exactJson(passkeyView(passkey)));
    },
  );
}

function removeRoute(app: App, deps: Deps, signIn: SignIn): void {
  app.post(
    '/v1/session/passkeys/:passkeyId/remove',
    {
      config: ANY_USER,
      schema: {
        ...DASHBOARD,
        operationId: 'removePasskey',
        summary: 'Remove a passkey',
        params: PasskeyId,
        body: bodies.ProofBody,
        response: { 204: Type.Unsafe<undefined>(Type.Null()), ...ERRORS },
      },
    },
    async (request, reply) => {
      const id = idOf(request.params.passkeyId, 'passkey_not_found');
      await requireProof(deps, signIn, request, request.body.password);
      const { id: userId } = userOf(request);
      await inTransaction(deps.pool, async (db) => {
        await lockOwnAccount(deps, db, request);
        await removeSecondFactor(deps, db, request, async () => {
          const name = await deletePasskey(db, userId, id);
          if (name === null) throw new ApiError('passkey_not_found');
          return { passkey: name };
        });
      });
      signIn.sessions.forget();
      return reply.code(204).send(undefined);
    },
  );
}

function signInChallengeRoute(app: App, deps: Deps, signIn: SignIn): void {
  app.post(
    '/v1/session/passkey/challenge',
    {
      config: { auth: 'none' },
      schema: {
        ...OPEN,
        operationId: 'beginPasskeySignIn',
        summary: 'Begin to sign in with a passkey',
        body: bodies.NoBody,
        response: { 200: Type.Ref('PasskeyOptions'), ...ERRORS },
      },
    },
    async (request, reply) => {
      requireSameOrigin(request, deps.config.publicUrl);
      const options = await signIn.strangers.ask(networkOf(clientAddressOf(request)), async () => {
        const made = await signInOptions(placeOf(request));
        await keepChallenge(deps.signIns, made.challenge, null);
        return made;
      });
      return sendJson(reply, 200, exactJson({ options }));
    },
  );
}

function signInRoute(app: App, deps: Deps, surface: Surface, signIn: SignIn): void {
  app.post(
    '/v1/session/passkey',
    {
      config: { auth: 'none' },
      schema: {
        ...OPEN,
        operationId: 'signInWithPasskey',
        summary: 'Sign in with a passkey alone',
        body: bodies.PasskeySignInBody,
        response: { 200: Type.Ref('Session'), ...ERRORS },
      },
    },
    async (request, reply) => {
      requireSameOrigin(request, deps.config.publicUrl);
      signIn.strangers.admit(networkOf(clientAddressOf(request)));
      const { response } = request.body;
      const challenge = challengeOf(response.response.clientDataJSON);
      if (challenge === null || !(await useChallenge(deps.signIns, challenge, null)))
        throw new ApiError('wrong_passkey');
      const passkey = await findPasskey(deps.signIns, Buffer.from(response.id, 'base64url'));
      const user = passkey === null ? null : await findUser(deps.signIns, passkey.userId);
      if (passkey === null || user === null || !isServed(surface, user.merchantId))
        throw new ApiError('wrong_passkey');
      const { id, merchantId, email } = user;
      const counter = await verifySignIn(
        placeOf(request),
        { ...response, type: 'public-key' },
        challenge,
        passkey,
      );
      if (counter === null) {
        await noteFailure(deps, request, [user], [], 'passkey');
        throw new ApiError('wrong_passkey');
      }
      const sessionId = await begin(deps, signIn.sessions, request, reply, {
        account: { id, merchantId, passwordHash: null },
        signedInBy: 'passkey',
        before: async (db) => {
          if (!(await usePasskey(db, passkey, counter))) throw new ApiError('wrong_passkey');
        },
      });
      rememberBrowser(reply, deps.config, deps.secrets, email);
      return sendSession(deps, reply, id, sessionId);
    },
  );
}
