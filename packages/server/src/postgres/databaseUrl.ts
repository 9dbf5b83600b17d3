/** The hosts of a database's URL: libpq's syntax, which `pg` does not have. */

/** What is wrong with a URL: a rule that its reader puts the variable's name before. */
export class DatabaseUrlError extends Error {}

const PARTS = /^(postgres(?:ql)?:\/\/(?:[^@/?#]*@)?)([^@/?#]*)((?:\/[^?#]*)?)(?:\?([^#]*))?$/;
/** The server must take writes: what libpq calls `read-write`, and `primary` where nothing else is said. */
const WRITABLE = ['read-write', 'primary'];

/**
 * One URL for each host, in the order in which they are to be tried: of
 * `postgres://u:p@a:5432,b:5433/db?target_session_attrs=read-write` two. That last parameter is taken out: a server
 * that takes no writes is never used.
 * @throws DatabaseUrlError
 */
export function urlsOfHosts(text: string): readonly string[] {
  const match = PARTS.exec(text);
  if (match === null)
    throw new DatabaseUrlError('must be a URL that starts with postgres:// or postgresql://');
  const [, begin = '', hosts = '', path = '', query = ''] = match;
  const parameters = new URLSearchParams(query);
  for (const name of ['host', 'port'])
    if (parameters.get(name)?.includes(',') === true)
      throw new DatabaseUrlError(`must name several hosts before its path, as in postgres://a,b/name`);
  const wanted = parameters.get('target_session_attrs');
  if (wanted !== null && !WRITABLE.includes(wanted))
    throw new DatabaseUrlError(
      'must have no target_session_attrs but read-write or primary: a server that takes no writes is of no use',
    );
  const rest = query
    .split('&')
    .filter((parameter) => parameter !== '' && !parameter.startsWith('target_session_attrs='))
    .join('&');
  return hosts.split(',').map((host) => {
    const url = `${begin}${host}${path}${rest === '' ? '' : `?${rest}`}`;
    if ((hosts !== '' && host === '') || !URL.canParse(url))
      throw new DatabaseUrlError('must name hosts as in postgres://user:password@a:5432,b:5433/name');
    return url;
  });
}
