/**
 * One reader's server-sent events. What the connection has not taken yet is kept up to a limit, at which
 * the feed stops offering; a reader who then takes nothing for too long is cut off, and may resume.
 */

import type { ServerResponse } from 'node:http';
import type { FeedEvent } from './eventsSql.ts';
import { streamedEventJson } from './eventViews.ts';
import type { EventFeed, Sink } from './feed.ts';
import { type FeedPosition, positionText } from './position.ts';

/** Bytes that may wait for a reader, besides what the operating system keeps. */
const BUFFER_LIMIT = 256 * 1024;
/** How long a full buffer may take to empty. */
const STALL_LIMIT_MS = 10_000;

/** Each event's text is made once, however many streams it goes to. */
const texts = new WeakMap<FeedEvent, string>();

function textOf(epoch: string | null, event: FeedEvent): string {
  let text = texts.get(event);
  if (text === undefined) {
    const id = positionText(epoch, event.at);
    text = `id: ${id}\nevent: ${event.event.name}\ndata: ${streamedEventJson(event)}\n\n`;
    texts.set(event, text);
  }
  return text;
}

export class EventStream implements Sink {
  readonly #response: ServerResponse;
  readonly #feed: Pick<EventFeed, 'epoch'>;
  readonly #withLinks: boolean;

  /**
   * @param feed knows by which epoch positions are named
   * @param withLinks whether the reader also wants the events of payment links, which are of another shape
   */
  constructor(response: ServerResponse, feed: Pick<EventFeed, 'epoch'>, withLinks: boolean) {
    this.#response = response;
    this.#feed = feed;
    this.#withLinks = withLinks;
    // A reader that vanished is no error of ours; the close follows.
    response.on('error', () => undefined);
  }

  offer(events: readonly FeedEvent[]): number {
    let text = '';
    let taken = 0;
    const room = BUFFER_LIMIT - this.#response.writableLength;
    while (taken < events.length && text.length < room) {
      const event = events[taken];
      if (event !== undefined && (this.#withLinks || !('link' in event)))
        text += textOf(this.#feed.epoch, event);
      taken += 1;
    }
    if (text !== '') this.#response.write(text);
    return taken;
  }

  room(): Promise<boolean> {
    const response = this.#response;
    if (response.destroyed || response.writableEnded) return Promise.resolve(false);
    if (response.writableLength < BUFFER_LIMIT / 4) return Promise.resolve(true);
    return new Promise((resolve) => {
      const settle = (hasRoom: boolean) => (): void => {
        clearTimeout(limit);
        response.off('drain', onDrain).off('close', onClose);
        if (!hasRoom) response.destroy();
        resolve(hasRoom);
      };
      const [onDrain, onClose] = [settle(true), settle(false)];
      const limit = setTimeout(onClose, STALL_LIMIT_MS);
      response.on('drain', onDrain).on('close', onClose);
    });
  }

  /** Says that the connection lives, and from where to resume if it ends before the next event. */
  heartbeat(position: FeedPosition): void {
    // A full buffer has its own limit, and needs no more in it.
    if (this.#response.writableLength < BUFFER_LIMIT)
      this.#response.write(`event: heartbeat\nid: ${positionText(this.#feed.epoch, position)}\ndata:\n\n`);
  }

  end(): void {
    this.#response.end();
  }
}
