import { PlexyPayError } from './errors.ts';

/** A path with each value encoded, so that no id can reach another route. */
export function pathOf(parts: TemplateStringsArray, ...ids: string[]): string {
  return parts.reduce((path, part, i) => `${path}${encodeURIComponent(checkedId(ids[i - 1]))}${part}`);
}

/** An empty id, or one of dots, would be the path of something else. */
function checkedId(id: string | undefined): string {
  if (id === undefined || id === '') throw new PlexyPayError('an id must not be empty');
  if (isDots(id))
    throw new PlexyPayError(`"${id}" is no id: in a path it would be the way to something else`);
  return id;
}

/** What a path cannot hold, however it is encoded: URLs take it for "here" and "one up". */
export function isDots(text: string): boolean {
  return text === '.' || text === '..';
}
