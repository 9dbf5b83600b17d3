/** A client of the deployed API, as the public ones are: raw key, major units for payments, both names, no Idempotency-Key. */
import { DEMO_KEY, type Reply } from './sandbox.ts';

export class HostedClient {
  readonly #base: string;
  readonly #key: string | null;

  /** @param base a client's base URL, to which it adds `/v1/…` */
  constructor(base: string, key: string | null = DEMO_KEY) {
    this.#base = base;
    this.#key = key;
  }

  get(path: string): Promise<Reply> {
    return this.send('GET', path);
  }

  /** @param body text is sent as it is */
  async send(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Reply> {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const response = await fetch(`${this.#base}/v1${path}`, {
      method,
      headers: {
        ...(this.#key === null ? {} : { authorization: this.#key }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: text }),
    });
    const answer = await response.text();
    return {
      status: response.status,
      text: answer,
      headers: response.headers,
      body: answer === '' ? null : JSON.parse(answer),
    };
  }

  /** Asks for a link until it is paid or has expired, as shops do while the payer is away. */
  async poll(id: string): Promise<Reply> {
    for (;;) {
      const reply = await this.get(`/payment-links/${id}`);
      if (reply.status !== 200 || reply.body.status !== 'active') return reply;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
