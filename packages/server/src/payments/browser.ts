import Type, { type Static } from 'typebox';
import type { BrowserForBank } from '../acquiring/connector.ts';
import { invalidFields } from '../http/parseFields.ts';
import { closed } from '../http/schemas.ts';

/** Read by the shop's page from `navigator` and `screen`; the names are those of EMV 3-D Secure. */
export const BrowserBody = Type.Object(
  {
    userAgent: Type.String({ minLength: 1, maxLength: 2048, description: 'The User-Agent header.' }),
    language: Type.String({ pattern: '^[A-Za-z0-9-]{2,35}$', examples: ['kk-KZ'] }),
    screenWidth: Type.Optional(Type.Integer({ minimum: 0, maximum: 999_999, examples: [1280] })),
    screenHeight: Type.Optional(Type.Integer({ minimum: 0, maximum: 999_999, examples: [800] })),
    colorDepth: Type.Optional(Type.Integer({ minimum: 1, maximum: 64, examples: [24] })),
    timezoneOffset: Type.Optional(
      Type.Integer({
        minimum: -840,
        maximum: 840,
        description: 'Date.getTimezoneOffset().',
        examples: [-300],
      }),
    ),
    javaScriptEnabled: Type.Boolean(),
  },
  { ...closed, description: 'The payer’s browser, for 3-D Secure. It is passed to the bank and not kept.' },
);

/** What only a script can read, so it is there exactly when scripts ran. */
const BY_SCRIPT = ['screenWidth', 'screenHeight', 'colorDepth', 'timezoneOffset'] as const;

/** The colour depths that EMV 3-D Secure knows; of others (30, for instance) the next lower one is meant. */
const COLOR_DEPTHS = [48, 32, 24, 16, 15, 8, 4, 1];

/** @throws ApiError 400 when a field is missing that its browser could tell */
export function parseBrowser(body: Static<typeof BrowserBody> | undefined): BrowserForBank | null {
  if (body === undefined) return null;
  const missing = body.javaScriptEnabled ? BY_SCRIPT.filter((field) => body[field] === undefined) : [];
  if (missing.length > 0) {
    const message = 'is required when javaScriptEnabled is true';
    throw invalidFields(missing.map((field) => ({ path: `browser.${field}`, message })));
  }
  const { colorDepth: given, ...rest } = body;
  const colorDepth = COLOR_DEPTHS.find((depth) => given !== undefined && depth <= given);
  return colorDepth === undefined ? rest : { ...rest, colorDepth };
}
