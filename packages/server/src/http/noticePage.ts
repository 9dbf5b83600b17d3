/** Small pages for people: no script, nothing from elsewhere, readable in light and dark. */
import { createHash } from 'node:crypto';
import type { FastifyReply } from 'fastify';

const STYLE = `
:root { color-scheme: light dark; --page: #f3f4f7; --card: #fff; --text: #16181d; --quiet: #5b6270;
  --line: #dfe2e8; --accent: #0b5cd6; --accent-text: #fff; }
@media (prefers-color-scheme: dark) { :root { --page: #101216; --card: #1a1d23; --text: #eceef2;
  --quiet: #a2a9b6; --line: #30353f; --accent: #6ea8ff; --accent-text: #0a1424; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; min-height: 100dvh; display: grid; place-items: center; padding: 16px;
  background: var(--page); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
main { width: 100%; max-width: 420px; padding: 28px; background: var(--card); border: 1px solid var(--line);
  border-radius: 16px; }
h1 { margin: 0 0 8px; font-size: 20px; line-height: 1.3; }
p { margin: 0; color: var(--quiet); }
a { display: block; margin-top: 24px; padding: 12px 16px; border-radius: 10px; background: var(--accent);
  color: var(--accent-text); font-weight: 600; text-align: center; text-decoration: none; }
a:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; }
`;

const POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "form-action 'none'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ');

export interface Notice {
  readonly statusCode: number;
  readonly title: string;
  readonly text: string;
  /** Where the reader goes from here. */
  readonly link?: { readonly href: string; readonly label: string };
}

export function sendNoticePage(reply: FastifyReply, { statusCode, title, text, link }: Notice): FastifyReply {
  const anchor = link === undefined ? '' : `\n<a href="${escaped(link.href)}">${escaped(link.label)}</a>`;
  const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escaped(title)}</h1>
<p>${escaped(text)}</p>${anchor}
</main>
</body>
</html>
`;
  return reply
    .code(statusCode)
    .header('content-security-policy', POLICY)
    .type('text/html; charset=utf-8')
    .send(page);
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
