/**
 * The SDK's types, from the OpenAPI document, so that they cannot drift apart: `npm run openapi` writes
 * them, a test compares. It knows the part of JSON Schema that our routes use, and stops at anything else.
 */
export interface Schema {
  readonly type?: string;
  readonly format?: string;
  readonly description?: string;
  readonly enum?: readonly (string | true)[];
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly $ref?: string;
}

interface Operation {
  readonly operationId: string;
  readonly requestBody?: { readonly content: Content };
  readonly parameters?: readonly {
    readonly in: string;
    readonly name: string;
    readonly required?: boolean;
    readonly description?: string;
    readonly schema: Schema;
  }[];
  readonly responses?: Readonly<Record<string, { readonly content?: Content }>>;
}
type Content = Readonly<Record<string, { readonly schema: Schema }>>;

export interface OpenApiDocument {
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

export const OUTPUT = new URL('../packages/sdk/src/types.generated.ts', import.meta.url);
/** Names that TypeScript has a meaning of its own for. */
const RENAMED: Readonly<Record<string, string>> = { Error: 'ErrorBody' };

/** The text of the SDK's types: an interface for each named object, body, set of query parameters and answer. */
export function sdkTypes(document: OpenApiDocument): string {
  const parts = Object.entries(document.components.schemas).map(([name, schema]) =>
    interfaceText(nameOf(name), schema),
  );
  for (const methods of Object.values(document.paths)) {
    for (const operation of Object.values(methods)) parts.push(...operationTypes(operation));
  }
  const exact = [...exactFields(Object.values(document.components.schemas))].sort();
  const fields = exact.map((field) => `'${field}'`).join(', ');
  parts.push(
    `/** Fields whose integers may exceed 2^53. */\nexport const BIGINT_FIELDS: readonly string[] = [${fields}];\n`,
  );
  return `// Made from the OpenAPI document by "npm run openapi". Not to be edited.\n\n${parts.join('\n')}`;
}

function operationTypes({ operationId, requestBody, parameters = [], responses = {} }: Operation): string[] {
  const name = operationId.charAt(0).toUpperCase() + operationId.slice(1);
  const texts: string[] = [];
  const body = requestBody?.content['application/json']?.schema;
  if (body !== undefined) texts.push(interfaceText(`${name}Body`, body));
  const query = parameters.filter((parameter) => parameter.in === 'query');
  if (query.length > 0) {
    const properties = Object.fromEntries(
      query.map(({ name, schema, description }) => [
        name,
        { ...schema, ...(description ? { description } : {}) },
      ]),
    );
    const required = query.filter((parameter) => parameter.required === true).map(({ name }) => name);
    texts.push(interfaceText(`${name}Query`, { type: 'object', properties, required }));
  }
  const answer = responses['200']?.content?.['application/json']?.schema;
  // Lists have a type of the SDK's own.
  if (answer?.properties !== undefined && answer.properties.items === undefined)
    texts.push(interfaceText(`${name}Answer`, answer));
  return texts;
}

function interfaceText(name: string, schema: Schema): string {
  if (schema.properties === undefined) throw new Error(`${name} is not an object`);
  const lines = Object.entries(schema.properties).flatMap(([field, property]) => [
    ...comment(property.description, '  '),
    `  ${fieldText(schema, field)}: ${typeText(property)};`,
  ]);
  return [...comment(schema.description, ''), `export interface ${name} {`, ...lines, '}', ''].join('\n');
}

function fieldText({ required = [] }: Schema, field: string): string {
  return required.includes(field) ? field : `${field}?`;
}

function comment(text: string | undefined, indent: string): string[] {
  return text === undefined ? [] : [`${indent}/** ${text.replaceAll('*/', '* /')} */`];
}

function typeText(schema: Schema): string {
  if (schema.$ref !== undefined) return nameOf(schema.$ref.replace('#/components/schemas/', ''));
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeText).join(' | ');
  if (schema.enum !== undefined)
    return schema.enum.map((value) => (value === true ? 'true' : `'${value}'`)).join(' | ');
  switch (schema.type) {
    case 'number':
      return 'number';
    case 'integer':
      return schema.format === 'bigint' ? 'bigint' : 'number';
    case 'string':
    case 'boolean':
    case 'null':
      return schema.type;
    case 'array':
      return `(${typeText(schema.items ?? {})})[]`;
    case 'object':
      return `{ ${Object.entries(schema.properties ?? {})
        .map(([field, property]) => `${fieldText(schema, field)}: ${typeText(property)}`)
        .join('; ')} }`;
    default:
      throw new Error(`no TypeScript for ${JSON.stringify(schema)}`);
  }
}

function nameOf(name: string): string {
  return RENAMED[name] ?? name;
}

function exactFields(schemas: readonly Schema[]): Set<string> {
  const fields = schemas.flatMap((schema) => Object.entries(schema.properties ?? {}));
  return new Set(fields.flatMap(([field, schema]) => (isBigint(schema) ? [field] : [])));
}

function isBigint({ format, anyOf = [] }: Schema): boolean {
  return format === 'bigint' || anyOf.some(isBigint);
}
