/** The identity provider that people sign in at, as the environment names it. */
export interface OidcSettings {
  /** As the provider writes it. */
  readonly issuer: string;
  /** Whether it is on this machine, where nobody is between. */
  readonly isLocal: boolean;
  readonly clientId: string;
  readonly clientSecret: string;
  /** What people call the provider. */
  readonly name: string;
  /** What is asked of it, separated by spaces. */
  readonly scopes: string;
  /** Authentication contexts (`acr`) that count as a second factor. */
  readonly acrValues: readonly string[];
  /** Who is an operator: those of whom a claim has, or holds, this value. Null: operators are created by other operators only. */
  readonly operators: { readonly claim: string; readonly value: string } | null;
}
