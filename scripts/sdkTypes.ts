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
  readonly info: { readonly version: string };
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

export const OUTPUT = new URL('../packages/sdk/src/types.generated.ts', import.meta.url);
/** Names that TypeScript has a meaning of its own for. */
const RENAMED: Readonly<Record<string, string>> = { Error: 'ErrorBody' };

/** How many of an answer's required fields tell what it is. Not all: an older server lacks the newest. */
const TELLING_FIELDS = 3;
/** What a query takes beside text, by the name of the parameter; the client writes it as text. */
const WIDER: Readonly<Record<string, string>> = {
  ...{ amountFrom: 'number | string', amountTo: 'number | string' },
  ...{ createdFrom: 'Date | string', createdTo: 'Date | string', expiresTo: 'Date | string' },
  ...{ from: 'Date | string', to: 'Date | string' },
  failureCode: 'FailureCode | (string & {})',
};

/** The text of the SDK's types: an interface for each named object, body, set of query parameters and answer. */
export function sdkTypes(document: OpenApiDocument): string {
  const { schemas } = document.components;
  const parts = [...statusTypes(schemas), ...failureCodeType(schemas), ...reasonType(schemas)];
  parts.push(...Object.entries(schemas).map(([name, schema]) => interfaceText(nameOf(name), schema)));
  const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));
  for (const operation of operations) parts.push(...operationTypes(operation));
  parts.push(...answerTypes(operations, schemas));
  const fields = [...exactFields(Object.values(schemas))].sort().map((field) => `'${field}'`);
  parts.push(
    `/** Fields whose integers may exceed 2^53. */\nexport const BIGINT_FIELDS: readonly string[] = [${fields.join(', ')}];\n`,
  );
  parts.push(
    `/** Of the SDK, which is that of the API that it was made for. */\nexport const VERSION = '${document.info.version}';\n`,
  );
  return `// Made from the OpenAPI document by "npm run openapi". Not to be edited.\n\n${parts.join('\n')}`;
}

type Schemas = OpenApiDocument['components']['schemas'];

/** The statuses that are known today: a field that holds one may hold another one tomorrow. */
const STATUSES: Readonly<Record<string, readonly [schema: string, field: string]>> = {
  TransactionStatus: ['Transaction', 'status'],
  WalletTransactionStatus: ['WalletTransaction', 'walletTransactionStatus'],
};

function statusTypes(schemas: Schemas): string[] {
  return Object.entries(STATUSES).map(([name, [schema, field]]) => {
    const values = enumText(schemas[schema]?.properties?.[field]?.enum ?? []);
    return `/** The statuses of today. Treat one that you do not know as transient. */\nexport type ${name} = ${values};\n`;
  });
}

function failureCodeType(schemas: Schemas): string[] {
  const values = enumText(schemas.WalletTransaction?.properties?.failureCode?.enum ?? []);
  return [
    `/** Why payments fail today. A newer server may know more. */\nexport type FailureCode = ${values};\n`,
  ];
}

function reasonType(schemas: Schemas): string[] {
  const values = enumText(schemas.Error?.properties?.reason?.enum ?? []);
  return [`/** Why a request was refused: docs/errors.md. */\nexport type Reason = ${values};\n`];
}

/** What the operations answer, by name, and how each answer is recognized. */
function answerTypes(operations: readonly Operation[], schemas: Schemas): string[] {
  const answers = new Map<string, Schema>();
  for (const operation of operations) {
    const schema = answerOf(operation);
    const name = schema?.$ref?.replace('#/components/schemas/', '');
    if (name !== undefined) answers.set(nameOf(name), schemas[name] ?? {});
    else if (isObject(schema)) answers.set(`${typeNameOf(operation)}Answer`, schema);
  }
  const names = [...answers.keys()].sort();
  const shapes = names.map((name) => {
    const telling = (answers.get(name)?.required ?? []).slice(0, TELLING_FIELDS);
    return `  ${name}: [${telling.map((field) => `'${field}'`).join(', ')}],`;
  });
  return [
    ['export interface Answers {', ...names.map((name) => `  ${name}: ${name};`), '}', ''].join('\n'),
    'export type AnswerName = keyof Answers;\n',
    [
      '/** Fields by which an answer is recognized as that of its operation. */',
      'export const SHAPES: Readonly<Record<AnswerName, readonly string[]>> = {',
      ...[...shapes, '};', ''],
    ].join('\n'),
  ];
}

function answerOf({ responses = {} }: Operation): Schema | undefined {
  const status = ['200', '201', '202'].find((code) => responses[code]?.content !== undefined);
  return responses[status ?? '']?.content?.['application/json']?.schema;
}

/** Lists have a type of the SDK's own. */
function isObject(schema: Schema | undefined): schema is Schema {
  return schema?.properties !== undefined && schema.properties.items === undefined;
}

function typeNameOf({ operationId }: Operation): string {
  return operationId.charAt(0).toUpperCase() + operationId.slice(1);
}

function operationTypes(operation: Operation): string[] {
  const { requestBody, parameters = [] } = operation;
  const name = typeNameOf(operation);
  const texts: string[] = [];
  const body = requestBody?.content['application/json']?.schema;
  if (body !== undefined) texts.push(interfaceText(`${name}Body`, body, givenText));
  const query = parameters.filter((parameter) => parameter.in === 'query');
  if (query.length > 0) {
    const properties = Object.fromEntries(
      query.map(({ name, schema, description }) => [
        name,
        { ...schema, ...(description ? { description } : {}) },
      ]),
    );
    const required = query.filter((parameter) => parameter.required === true).map(({ name }) => name);
    texts.push(interfaceText(`${name}Query`, { type: 'object', properties, required }, queryText));
  }
  const answer = answerOf(operation);
  if (isObject(answer)) texts.push(interfaceText(`${name}Answer`, answer));
  return texts;
}

type FieldText = (field: string, schema: Schema, optional: boolean, of: string) => string;

function interfaceText(name: string, schema: Schema, text: FieldText = answeredText): string {
  if (schema.properties === undefined) throw new Error(`${name} is not an object`);
  const lines = Object.entries(schema.properties).flatMap(([field, property]) => [
    ...comment(property.description, '  '),
    `  ${fieldText(schema, field)}: ${text(field, property, !(schema.required ?? []).includes(field), name)};`,
  ]);
  return [...comment(schema.description, ''), `export interface ${name} {`, ...lines, '}', ''].join('\n');
}

/** A field of an answer: a newer server may have statuses and failure codes that are not known here. */
function answeredText(field: string, schema: Schema, _optional: boolean, of: string): string {
  if (of === 'ErrorBody' && field === 'reason') return 'Reason';
  if (field === 'failureCode')
    return `FailureCode | (string & {})${schema.anyOf === undefined ? '' : ' | null'}`;
  const known = Object.entries(STATUSES).find(([, [, name]]) => name === field)?.[0];
  const isStatus = schema.enum?.includes('charged') || field === 'walletTransactionStatus';
  return known !== undefined && isStatus ? `${known} | (string & {})` : typeText(schema);
}

/** A field that the caller gives: `undefined` is the same as leaving it out. */
function givenText(_field: string, schema: Schema, optional: boolean): string {
  return `${typeText(schema)}${optional ? ' | undefined' : ''}`;
}

function queryText(field: string, schema: Schema, optional: boolean): string {
  const several = /^One or several\b/.test(schema.description ?? '');
  const isStatus = field === 'status' && schema.enum === undefined;
  const status = `TransactionStatus | WalletTransactionStatus | 'failed'`;
  const text = isStatus ? status : (WIDER[field] ?? typeText(schema));
  return `${text}${several ? ` | readonly (${text})[]` : ''}${optional ? ' | undefined' : ''}`;
}

function fieldText({ required = [] }: Schema, field: string): string {
  return required.includes(field) ? field : `${field}?`;
}

function enumText(values: readonly (string | true)[]): string {
  return values.map((value) => (value === true ? 'true' : `'${value}'`)).join(' | ');
}

function comment(text: string | undefined, indent: string): string[] {
  return text === undefined ? [] : [`${indent}/** ${text.replaceAll('*/', '* /')} */`];
}

function typeText(schema: Schema): string {
  if (schema.$ref !== undefined) return nameOf(schema.$ref.replace('#/components/schemas/', ''));
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeText).join(' | ');
  if (schema.enum !== undefined) return enumText(schema.enum);
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
