import type { ClientRequest } from 'node:http';

/** So many a server may send; real ones send one or two (100, 103). */
const MAX_INTERIM_ANSWERS = 16;

/** A server sent interim answers that lead to no final one. */
export class InterimAnswersError extends Error {
  readonly code = 'INTERIM_ANSWERS';
}

/**
 * Interim answers (1xx) are passed over, as HTTP demands of every client, but not without end: each of them costs
 * this process as much as a final one. Node bounds the bytes of each. A change of protocol (101), which nobody asked
 * for, is the last that such a connection says: without this, Node would close it and tell nobody.
 */
export function boundInterimAnswers(request: ClientRequest): void {
  let count = 0;
  request.on('information', () => {
    count += 1;
    if (count > MAX_INTERIM_ANSWERS)
      request.destroy(new InterimAnswersError('only interim answers, one after the other'));
  });
  request.on('upgrade', (_response, socket) => {
    socket.destroy();
    // Node has let go of the request: it can no longer be destroyed with an error.
    request.emit('error', new InterimAnswersError('a change of protocol that nobody asked for'));
  });
}
