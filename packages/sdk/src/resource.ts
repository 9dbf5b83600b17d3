import { List, type Page } from './pagination.ts';
import type { QueryValue, RequestOptions, RequestSender } from './request.ts';

/** A group of calls on one noun. */
export class Resource {
  readonly #sender: RequestSender;

  constructor(sender: RequestSender) {
    this.#sender = sender;
  }

  protected getFrom<T>(
    path: string,
    options: RequestOptions | undefined,
    query: Readonly<Record<string, QueryValue>> = {},
  ): Promise<T> {
    return this.#sender.send({ method: 'GET', path, query, options });
  }

  protected postTo<T>(
    path: string,
    body: object | undefined,
    options: RequestOptions | undefined,
  ): Promise<T> {
    return this.#sender.send({ method: 'POST', path, body, options });
  }

  protected patchAt<T>(path: string, body: object, options: RequestOptions | undefined): Promise<T> {
    return this.#sender.send({ method: 'PATCH', path, body, options });
  }

  protected putAt<T>(path: string, body: object, options: RequestOptions | undefined): Promise<T> {
    return this.#sender.send({ method: 'PUT', path, body, options });
  }

  protected deleteAt<T>(path: string, options: RequestOptions | undefined): Promise<T> {
    return this.#sender.send({ method: 'DELETE', path, options });
  }

  protected listOf<T>(
    path: string,
    query: { readonly cursor?: string; readonly [name: string]: QueryValue },
    options: RequestOptions | undefined,
  ): List<T> {
    const load = (cursor: string | undefined): Promise<Page<T>> =>
      this.#sender.send({ method: 'GET', path, query: { ...query, cursor }, options });
    return new List(load, query.cursor);
  }
}
