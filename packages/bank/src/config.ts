export interface Config {
  readonly port: number;
  readonly host: string;
  readonly databaseUrl: string;
  readonly secret: string;
  /** Where a payer's browser reaches this process; undefined is the address it listens on. */
  readonly publicUrl: string | undefined;
}

/** Reads the environment, or says in a sentence which variable is wrong. */
export function readConfig(environment: NodeJS.ProcessEnv): Config {
  return {
    port: readPort(environment.BANK_PORT ?? '0'),
    host: environment.BANK_HOST || '127.0.0.1',
    databaseUrl: required(environment, 'BANK_DATABASE_URL'),
    secret: required(environment, 'BANK_SECRET'),
    publicUrl: readPublicUrl(environment.BANK_PUBLIC_URL),
  };
}

function readPort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) {
    throw new Error('BANK_PORT must be a port number, or 0 for any free port');
  }
  return port;
}

function readPublicUrl(text: string | undefined): string | undefined {
  if (!text) return undefined;
  if (!URL.canParse(text) || !/^https?:/.test(text)) {
    throw new Error('BANK_PUBLIC_URL must be an http or https address');
  }
  return text.replace(/\/+$/, '');
}

function required(environment: NodeJS.ProcessEnv, name: string): string {
  const value = environment[name];
  if (!value) throw new Error(`${name} must be set`);
  return value;
}
