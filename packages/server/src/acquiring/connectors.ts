/** The connectors that acquirers may be set up with: our own, and those that the operator has named. */
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { CAPABILITIES } from '../core/acquirers.ts';
import { CONNECTOR_VERSION, type ConnectorModule } from './connector.ts';
import { HTTP_CONNECTOR } from './httpBank.ts';

/** A module is no connector that this program can use; the message says why, in one sentence. */
export class ConnectorError extends Error {}

/** @param names of modules: packages, or files relative to the working directory @throws ConnectorError */
export async function loadConnectors(names: readonly string[]): Promise<ConnectorModule[]> {
  const connectors = [HTTP_CONNECTOR];
  for (const name of names) {
    const connector = await loadConnector(name);
    if (connectors.some((known) => known.name === connector.name))
      throw new ConnectorError(`${name}: there is a connector of the name ${connector.name} already`);
    connectors.push(connector);
  }
  return connectors;
}

/** @throws ConnectorError */
export async function loadConnector(name: string): Promise<ConnectorModule> {
  const module = await importModule(name);
  const problem = problemOf(module);
  if (problem !== null) throw new ConnectorError(`${name}: ${problem}`);
  return module as ConnectorModule;
}

/** @returns the default export of a module, by the name of a package or by a path. @throws ConnectorError */
export async function importModule(name: string): Promise<unknown> {
  const isPath = /^\.{0,2}[\\/]/.test(name) || path.isAbsolute(name);
  const specifier = isPath ? pathToFileURL(path.resolve(name)).href : name;
  try {
    return ((await import(specifier)) as { readonly default?: unknown }).default;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConnectorError(`${name} cannot be loaded: ${reason}`, { cause: error });
  }
}

/** What is wrong with it; null: nothing that can be seen before it is asked. */
export function problemOf(module: unknown): string | null {
  if (typeof module !== 'object' || module === null) return 'its default export is not a connector';
  const { version, name, capabilities, credentialNames, accountNames, create } =
    module as Partial<ConnectorModule>;
  if (version !== CONNECTOR_VERSION)
    return `it is for version ${String(version)} of connectors, and this program has version ${CONNECTOR_VERSION}`;
  if (typeof name !== 'string' || !/^[a-z0-9][a-z0-9-]{0,62}$/.test(name))
    return 'its name must be of lower-case letters, digits and dashes';
  const known: readonly string[] = CAPABILITIES;
  if (!Array.isArray(capabilities) || !capabilities.every((one) => known.includes(one)))
    return `its capabilities must be of ${known.join(', ')}`;
  if (!Array.isArray(credentialNames) || !credentialNames.every((one) => typeof one === 'string'))
    return 'its credentialNames must be names';
  const isOneOfThem = (one: unknown): boolean => credentialNames.some((credential) => credential === one);
  if (accountNames !== undefined && !(Array.isArray(accountNames) && accountNames.every(isOneOfThem)))
    return 'its accountNames must be of its credentialNames';
  return typeof create === 'function' ? null : 'it has no function create';
}
