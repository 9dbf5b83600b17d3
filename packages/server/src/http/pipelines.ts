import type { Socket } from 'node:net';

/** Clients that pipeline at all send some ten; of those who send thousands, the rest is not read. */
const MAX_UNANSWERED = 100;

/** How many requests of a connection wait for their answers: Node hands over all that have arrived, at once. */
export class Pipelines {
  readonly #unanswered = new WeakMap<Socket, number>();

  /** @returns false: too many wait */
  admit(socket: Socket): boolean {
    const unanswered = (this.#unanswered.get(socket) ?? 0) + 1;
    this.#unanswered.set(socket, unanswered);
    return unanswered <= MAX_UNANSWERED;
  }

  leave(socket: Socket): void {
    this.#unanswered.set(socket, (this.#unanswered.get(socket) ?? 1) - 1);
  }
}
