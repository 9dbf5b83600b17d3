/** A page for a payer: no script, nothing from elsewhere, light and dark, from 320 px on. */
import { createHash } from 'node:crypto';
import { LANGUAGES, type Language } from './language.ts';
import { type Word, word } from './words.ts';

const STYLE = `
:root { color-scheme: light dark; --page: #f7f8fa; --card: #fff; --text: #1a1f36; --quiet: #596177;
  --line: #e4e7ee; --edge: #7d8594; --accent: #4338ca; --accent-text: #fff; --good: #00614a; --bad: #a33100; }
@media (prefers-color-scheme: dark) { :root { --page: #0e1116; --card: #161a21; --text: #e6e9ef;
  --quiet: #9aa4b5; --line: #272d38; --edge: #7d8799; --accent: #a5b0ff; --accent-text: #10142e;
  --good: #6fdcb5; --bad: #ffa17a; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; min-height: 100dvh; display: grid; place-content: center;
  justify-items: center; grid-template-columns: minmax(0, 420px); gap: 16px; padding: 16px;
  background: var(--page); color: var(--text);
  font: 16px/1.5 Inter, -apple-system, BlinkMacSystemFont, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { width: 100%; min-width: 0; padding: 28px; background: var(--card); border: 1px solid var(--line);
  border-radius: 16px; }
.brand { margin: 0 0 24px; display: flex; justify-content: space-between; gap: 12px; font-size: 14px;
  font-weight: 600; color: var(--text); }
.brand span { color: var(--quiet); font-weight: 400; }
.icon { display: block; width: 44px; height: 44px; margin: 0 0 16px; fill: none; stroke: var(--quiet);
  stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
.icon.good { stroke: var(--good); }
.icon.bad { stroke: var(--bad); }
h1 { margin: 0 0 8px; font-size: 20px; line-height: 1.3; }
p { margin: 0; color: var(--quiet); overflow-wrap: anywhere; }
.amount { margin: 20px 0; color: var(--text); font-size: 34px; font-weight: 650; line-height: 1.15;
  letter-spacing: -0.02em; font-variant-numeric: tabular-nums; }
.amount small { font-size: 16px; font-weight: 500; letter-spacing: 0; color: var(--quiet); }
dl { margin: 20px 0 24px; }
dl div { display: flex; justify-content: space-between; gap: 16px; padding: 12px 0; border-top: 1px solid var(--line); }
dl div:last-child { border-bottom: 1px solid var(--line); }
dt { color: var(--quiet); flex: none; }
dd { margin: 0; min-width: 0; text-align: right; font-weight: 500; overflow-wrap: anywhere; }
form { display: grid; gap: 10px; }
button { width: 100%; min-height: 48px; padding: 12px 16px; border-radius: 10px; border: 1px solid var(--edge);
  background: transparent; color: inherit; font: inherit; font-weight: 600; cursor: pointer; }
button.approve { background: var(--accent); border-color: var(--accent); color: var(--accent-text); }
.back { display: block; margin-top: 24px; padding: 12px 16px; border-radius: 10px; background: var(--accent);
  color: var(--accent-text); font-weight: 600; text-align: center; text-decoration: none; overflow-wrap: anywhere; }
.hint { margin-top: 20px; font-size: 14px; }
nav { display: flex; flex-wrap: wrap; justify-content: center; gap: 4px; }
nav a { padding: 10px 12px; border-radius: 8px; color: var(--quiet); font-size: 14px; }
nav a[aria-current] { color: var(--text); font-weight: 600; text-decoration: none; }
a:focus-visible, button:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; }
`;

/**
 * What the page may do: its own style and nothing else.
 * @param formAction where its forms may lead, redirects of the answer included
 */
export function pagePolicy(formAction: string): string {
  return [
    "default-src 'none'",
    `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
    // For the empty icon, which keeps browsers from asking for one.
    'img-src data:',
    `form-action ${formAction}`,
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join('; ');
}

/** In a box of 24 × 24. */
const ICONS = {
  good: '<circle cx="12" cy="12" r="10"/><path d="m7.500 12.500 3 3 6-6.500"/>',
  bad: '<circle cx="12" cy="12" r="10"/><path d="m8.500 8.500 7 7m0-7-7 7"/>',
  time: '<circle cx="12" cy="12" r="10"/><path d="M12 6.500V12l3.500 2"/>',
  note: '<circle cx="12" cy="12" r="10"/><path d="M12 11v5.500m0-9v.010"/>',
} as const;

export interface PayerPage {
  readonly language: Language;
  /** Whether the same address in another language shows the same; not so for the answer to a form. */
  readonly hasSwitch: boolean;
  /** Whose page it is, when not the shop's provider's: the bank's. */
  readonly brand?: { readonly name: string; readonly note: string };
  readonly icon?: keyof typeof ICONS;
  readonly title: string;
  readonly text: string;
  /** As it is read, and the currency's code where the sign may stand for several. */
  readonly money?: { readonly text: string; readonly currency: string };
  readonly facts?: readonly (readonly [name: Word, value: string])[];
  /** Whether approve and decline are asked for, by a POST to the same address. */
  readonly asks?: boolean;
  /** Where the payer goes from here. */
  readonly back?: { readonly href: string; readonly label: string } | null;
  readonly hint?: string;
}

/** A whole HTML document; every text in it is escaped. */
export function payerPage(page: PayerPage): string {
  const { language, title } = page;
  const owner = page.brand === undefined ? '' : ` · ${escaped(page.brand.name)}`;
  return `<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${escaped(title)}${owner}</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<main>
${contentOf(page).join('\n')}
</main>${page.hasSwitch ? `\n${languageSwitch(language)}` : ''}
</body>
</html>
`;
}

function contentOf({
  language,
  brand,
  icon,
  title,
  text,
  money,
  facts,
  asks,
  back,
  hint,
}: PayerPage): string[] {
  const parts: string[] = [];
  if (brand !== undefined)
    parts.push(`<p class="brand">${escaped(brand.name)} <span>${escaped(brand.note)}</span></p>`);
  if (icon !== undefined)
    parts.push(`<svg class="icon ${icon}" viewBox="0 0 24 24" aria-hidden="true">${ICONS[icon]}</svg>`);
  parts.push(`<h1>${escaped(title)}</h1>`, `<p>${escaped(text)}</p>`);
  if (money !== undefined) {
    const code = money.text.includes(money.currency) ? '' : ` <small>${escaped(money.currency)}</small>`;
    parts.push(`<p class="amount">${escaped(money.text)}${code}</p>`);
  }
  if (facts !== undefined && facts.length > 0) {
    const rows = facts.map(
      ([name, value]) =>
        `<div><dt>${escaped(word(language, name))}</dt><dd><bdi>${escaped(value)}</bdi></dd></div>`,
    );
    parts.push(`<dl>\n${rows.join('\n')}\n</dl>`);
  }
  if (asks === true)
    parts.push(`<form method="post">
<button class="approve" name="decision" value="approve">${escaped(word(language, 'confirm.approve'))}</button>
<button name="decision" value="decline">${escaped(word(language, 'confirm.decline'))}</button>
</form>`);
  if (back != null) parts.push(`<a class="back" href="${escaped(back.href)}">${escaped(back.label)}</a>`);
  if (hint !== undefined) parts.push(`<p class="hint">${escaped(hint)}</p>`);
  return parts;
}

/** Of the same address: what was chosen goes along with the form. */
function languageSwitch(language: Language): string {
  const links = Object.entries(LANGUAGES).map(([tag, name]) => {
    const current = tag === language ? ' aria-current="true"' : '';
    return `<a href="?lang=${tag}" hreflang="${tag}" lang="${tag}"${current}>${name}</a>`;
  });
  return `<nav aria-label="${escaped(word(language, 'switch.label'))}">\n${links.join('\n')}\n</nav>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text as it stands within HTML and its attributes. */
export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
