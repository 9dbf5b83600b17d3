/** Reads the event stream for as long as it is told, and goes on where it ended, as a merchant's program does. */
import { setTimeout as delay } from 'node:timers/promises';
import {
  openStream,
  type StreamedEvent,
  type StreamReader,
} from '../../../packages/server/test/support/stream.ts';

/** A stream that says nothing for longer than this, not even that it lives, is dead. */
const SILENCE_MS = 17_000;
const LOOK_EVERY_MS = 50;

export class Follower {
  readonly #url: string;
  readonly #apiKey: string;
  readonly events: StreamedEvent[] = [];
  /** How often the stream was opened. */
  opened = 0;
  /** What was said when it was refused for good. */
  readonly refusals: string[] = [];
  #stopped = false;
  #reading: Promise<void> = Promise.resolve();

  constructor(url: string, apiKey: string) {
    this.#url = url;
    this.#apiKey = apiKey;
  }

  /** Resolves once the stream is open, so that nothing that is paid afterwards is missed. */
  async start(): Promise<void> {
    const opened = new Promise<void>((resolve) => {
      this.#reading = this.#follow(resolve);
    });
    await opened;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#reading;
  }

  async #follow(onOpen: () => void): Promise<void> {
    let lastEventId: string | undefined;
    while (!this.#stopped) {
      const from = lastEventId === undefined ? {} : { lastEventId };
      const reader = await openStream(this.#url, { apiKey: this.#apiKey, ...from }).catch(() => null);
      if (reader !== null && reader.status === 200) {
        this.opened += 1;
        const read = this.#read(reader);
        // Its first heartbeat says where it begins.
        while (reader.lastId() === '' && !reader.ended()) await delay(LOOK_EVERY_MS);
        if (reader.lastId() !== '') onOpen();
        await read;
        if (reader.lastId() !== '') lastEventId = reader.lastId();
      } else if (reader !== null && reader.status < 500)
        this.refusals.push(`${reader.status} ${reader.text()}`);
      reader?.close();
      await delay(200);
    }
  }

  async #read(reader: StreamReader): Promise<void> {
    let [taken, length, heardAt] = [0, 0, performance.now()];
    while (!this.#stopped && !reader.ended() && performance.now() - heardAt < SILENCE_MS) {
      await delay(LOOK_EVERY_MS);
      if (reader.text().length > length) [length, heardAt] = [reader.text().length, performance.now()];
      taken += this.#take(reader, taken);
    }
    reader.close();
    this.#take(reader, taken);
  }

  #take(reader: StreamReader, from: number): number {
    const more = reader.events.slice(from);
    this.events.push(...more);
    return more.length;
  }
}
