import { QUERY_CANCELED, sqlStateOf } from '../postgres/databaseErrors.ts';
import { ApiError } from './errors.ts';

/** For what reads with a time limit of its own: when that ended it, whoever asked has to ask for less. */
export function throwTooBroad(error: unknown): never {
  throw sqlStateOf(error) === QUERY_CANCELED ? new ApiError('search_too_broad') : error;
}
