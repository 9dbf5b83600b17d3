/** CHANGELOG.md: its first section is what is not released yet, the others have a version and a day. */

const HEADING = /^## (\S+)(?: \(([^)]*)\))?$/m;

/** @returns the text with this version and day in its first heading. @throws Error where nothing is unreleased */
export function dated(changelog: string, version: string, now: Date): string {
  const [heading, , day] = HEADING.exec(changelog) ?? [];
  if (heading === undefined || day !== 'unreleased')
    throw new Error('CHANGELOG.md: the first heading must be "## … (unreleased)", with what is new below it');
  return changelog.replace(heading, `## ${version} (${now.toISOString().slice(0, 10)})`);
}

/** @returns what a version brought. @throws Error where it has no section, no day, or nothing in it */
export function notesOf(changelog: string, version: string): string {
  for (const section of changelog.split(/^(?=## )/m)) {
    const [heading = '', name, day = ''] = HEADING.exec(section) ?? [];
    if (name !== version) continue;
    if (!/^\d{4}-\d{2}-\d{2}$/.test(day)) throw new Error(`CHANGELOG.md: version ${version} has no day`);
    const notes = section.slice(section.indexOf(heading) + heading.length).trim();
    if (notes === '') throw new Error(`CHANGELOG.md: version ${version} brought nothing`);
    return notes;
  }
  throw new Error(`CHANGELOG.md has no version ${version}`);
}
