/** What acquirers send by themselves. It moves no money: it says when to ask, and its sender's signature is all that it proves. */
import type { FastifyInstance } from 'fastify';
import Type from 'typebox';
import type { Notification } from '../acquiring/connector.ts';
import type { Deps } from '../app/deps.ts';
import { networkOf } from '../http/addresses.ts';
import type { App } from '../http/baseApp.ts';
import { clientAddressOf } from '../http/clientAddress.ts';
import { ApiError } from '../http/errors.ts';
import { Strangers } from '../identity/strangers.ts';

/** A notification names what it is about, and little else. */
const BODY_LIMIT = 16 * 1024;
/** Of those whose notifications are nobody's. */
const UNKNOWN = { burst: 100, perSecond: 10, atOnce: 10, maxWaiting: 100 };

export function notificationRoutes(app: App, deps: Deps): void {
  const strangers = new Strangers(UNKNOWN);
  void app.register(async (scope: FastifyInstance) => {
    // A signature is one of bytes, whatever they mean.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: BODY_LIMIT }, (_request, body, done) =>
      done(null, body),
    );
    scope.post<{ Params: { acquirerId: string } }>(
      '/v1/acquirers/:acquirerId/notifications',
      { schema: { hide: true, params: Type.Object({ acquirerId: Type.String() }) } },
      async (request, reply) => {
        const { acquirerId } = request.params;
        const body = request.body instanceof Uint8Array ? request.body : new Uint8Array();
        const notification: Notification = { headers: firstOf(request.headers), body };
        const news = deps.acquirers.readNotification(acquirerId, notification);
        // An acquirer that there is not is answered like one whose signature is another.
        if (news === null) {
          strangers.admit(networkOf(clientAddressOf(request)));
          throw new ApiError('notification_not_verified');
        }
        // So is a payment that there is not like one that there is.
        await deps.acquirer.hear(acquirerId, news);
        return reply.code(204).send();
      },
    );
  });
}

function firstOf(headers: Readonly<Record<string, string | string[] | undefined>>): Notification['headers'] {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]),
  );
}
