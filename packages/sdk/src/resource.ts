import type { RequestOptions } from './options.ts';
import { List, type Page } from './pagination.ts';
import type { Call, QueryValue, RequestSender } from './request.ts';
import type { AnswerName, Answers } from './types.generated.ts';

type Options = RequestOptions | undefined;
type Query = Readonly<Record<string, QueryValue>>;

/** A group of calls on one noun. */
export class Resource {
  readonly #sender: RequestSender;

  constructor(sender: RequestSender) {
    this.#sender = sender;
  }

  protected getFrom<N extends AnswerName>(
    answer: N,
    path: string,
    options: Options,
    query: Query = {},
  ): Promise<Answers[N]> {
    return this.#sender.send({ method: 'GET', path, query, options, answer });
  }

  protected postTo<N extends AnswerName>(
    answer: N,
    path: string,
    body: object | undefined,
    options: Options,
  ): Promise<Answers[N]> {
    return this.#change(answer, { method: 'POST', path, body, options });
  }

  protected patchAt<N extends AnswerName>(
    answer: N,
    path: string,
    body: object,
    options: Options,
  ): Promise<Answers[N]> {
    return this.#change(answer, { method: 'PATCH', path, body, options });
  }

  protected putAt<N extends AnswerName>(
    answer: N,
    path: string,
    body: object,
    options: Options,
  ): Promise<Answers[N]> {
    return this.#change(answer, { method: 'PUT', path, body, options });
  }

  protected deleteAt<N extends AnswerName>(answer: N, path: string, options: Options): Promise<Answers[N]> {
    return this.#change(answer, { method: 'DELETE', path, options });
  }

  protected listOf<T, P extends Page<T> = Page<T>>(
    path: string,
    query: { readonly cursor?: string | undefined; readonly [name: string]: QueryValue },
    options: Options,
  ): List<T, P> {
    const load = (cursor: string | undefined): Promise<P> =>
      this.#sender.send({ method: 'GET', path, query: { ...query, cursor }, options, answer: 'list' });
    return new List(load, query.cursor);
  }

  #change<N extends AnswerName>(answer: N, call: Call): Promise<Answers[N]> {
    return this.#sender.send({ ...call, answer });
  }
}
