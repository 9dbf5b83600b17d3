/**
 * The repository's documents as pages, at /docs/guides/ and their path in it: links between them hold as they are.
 *
 *   /docs/guides                     leads to the index, docs/README.md
 *   /docs/guides/docs/webhooks.md    a document, rendered
 *   /docs/guides/docs/decisions/     what there is of these
 *   /docs/guides/docs/images/….png   the pictures in them, and other files that they lead to, as text
 */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import MarkdownIt from 'markdown-it';
import type { App } from '../http/baseApp.ts';
import { ApiError } from '../http/errors.ts';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const INDEX = 'docs/README.md';
/** Whatever else stands in the repository's folder is nobody's business. */
const DOCUMENT =
  /^(?:README|ARCHITECTURE|CONTRIBUTING|CHANGELOG|SECURITY|CODE_OF_CONDUCT|(?:docs|docs\/decisions|docs\/runbooks|bench|deploy\/[a-z]+|examples\/shop|packages\/[a-z-]+)\/[A-Za-z0-9-]+)\.md$/;
const TEXT =
  /^(?:LICENSE|docs\/openapi\.json|deploy\/(?:prometheus|grafana\/dashboards)\/[a-z.]+\.(?:yml|json)|examples\/connector\/[A-Za-z]+\.js|examples\/webhooks\/(?:node|python|php|go)\/(?:[a-z]+\/)?[a-z]+\.(?:mjs|py|php|go))$/;
const DECISIONS = 'docs/decisions/';
/** The router may have taken the last slash away. */
const IS_DECISIONS = /^docs\/decisions\/?$/;
const PICTURE = /^docs\/images\/[a-z0-9-]+\.png$/;

/** Whether a file of the repository, by its path in it, is one of those that are shown. */
export function isShown(file: string): boolean {
  return [DOCUMENT, TEXT, PICTURE].some((pattern) => pattern.test(file));
}

const POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  "img-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Of the documents, and of the bar, which stands above the API's page as well. */
const STYLE = `
.bar, .guide { --line: light-dark(#e4e7ee, #272d38); --soft: light-dark(#f3f4f8, #1d222b); --accent: light-dark(#4338ca, #a5b0ff); }
.bar { color: light-dark(#1a1f36, #e6e9ef); display: flex; flex-wrap: wrap; gap: 4px 20px; align-items: center; padding: 10px 24px; border-bottom: 1px solid var(--line); font: 14px/1.6 -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
.bar strong { margin-right: 8px; }
.bar a { color: var(--accent); }
.bar a:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.light-mode { color-scheme: light; }
.dark-mode { color-scheme: dark; }
.guide {
  margin: 0;
  background: light-dark(#fff, #0e1116);
  color: light-dark(#1a1f36, #e6e9ef);
  font: 16px/1.6 -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  main { max-width: 820px; margin: 0 auto; padding: 16px 24px 64px; overflow-wrap: break-word; }
  a { color: var(--accent); }
  :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
  h1, h2, h3 { line-height: 1.25; }
  h2 { margin-top: 2em; }
  code { padding: 1px 4px; border-radius: 4px; background: var(--soft); font: 14px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
  pre { overflow-x: auto; padding: 14px 16px; border-radius: 8px; background: var(--soft); }
  pre code { padding: 0; background: none; }
  .scrolls { overflow-x: auto; }
  table { border-collapse: collapse; font-size: 15px; }
  th, td { padding: 6px 14px 6px 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
  img { max-width: 100%; border: 1px solid var(--line); border-radius: 8px; }
}
`;

/** Above every page of the documentation. */
export const DOCS_BAR = `<nav class="bar" aria-label="Documentation"><strong>Plexy Pay</strong>
<a href="/docs">API reference</a> <a href="/docs/guides/${INDEX}">Guides</a> <a href="/dashboard">Dashboard</a></nav>`;

const markdown = createMarkdown();

/** GitHub's flavour, as far as the documents use it: tables, and headings that links can lead to. */
function createMarkdown() {
  const md = new MarkdownIt({ html: true });
  const { rules } = md.renderer;
  rules.heading_open = (tokens, i) => {
    const { tag } = tokens[i] ?? { tag: 'h2' };
    return `<${tag} id="${md.utils.escapeHtml(slugOf(tokens[i + 1]?.content ?? ''))}">`;
  };
  // What scrolls must be reached by the keyboard.
  rules.table_open = () => '<div class="scrolls" role="region" aria-label="Table" tabindex="0"><table>';
  rules.table_close = () => '</table></div>';
  const plainFence = rules.fence;
  rules.fence = (...parts) => (plainFence?.(...parts) ?? '').replace('<pre>', '<pre tabindex="0">');
  return md;
}

/** As GitHub names a heading's anchor. */
function slugOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-');
}

function pageOf(text: string): string {
  const title = /^# (.+)$/m.exec(text)?.[1]?.replace(/[`*]/g, '') ?? 'Documents';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="color-scheme" content="light dark">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${markdown.utils.escapeHtml(title)} · Plexy Pay</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/guides.css">
</head>
<body class="guide">
${DOCS_BAR}
<main>
${markdown.render(text)}</main>
</body>
</html>
`;
}

/** @throws ApiError 404 when this installation has no such file */
async function read(name: string): Promise<Buffer> {
  return readFile(path.join(ROOT, name)).catch(() => {
    throw new ApiError('not_found');
  });
}

async function listDecisions(): Promise<string> {
  const names = (await readdir(path.join(ROOT, DECISIONS)).catch(() => [])).filter((name) =>
    DOCUMENT.test(DECISIONS + name),
  );
  return `# Decisions\n\n${names
    .sort()
    .map((name) => `- [${name.slice(0, -3)}](${name})`)
    .join('\n')}\n`;
}

export function guideRoutes(app: App): void {
  const schema = { hide: true };
  app.get('/docs/guides', { schema }, async (_request, reply) => reply.redirect(`/docs/guides/${INDEX}`));
  app.get('/docs/guides.css', { schema }, async (_request, reply) =>
    reply.header('cache-control', 'public, max-age=3600').type('text/css; charset=utf-8').send(STYLE),
  );
  app.get<{ Params: { '*': string } }>('/docs/guides/*', { schema }, async (request, reply) => {
    const name = request.params['*'];
    if (PICTURE.test(name)) return reply.type('image/png').send(await read(name));
    if (TEXT.test(name)) return reply.type('text/plain; charset=utf-8').send(await read(name));
    const isDecisions = IS_DECISIONS.test(name);
    if (!isDecisions && !DOCUMENT.test(name)) throw new ApiError('not_found');
    const text = isDecisions ? await listDecisions() : (await read(name)).toString('utf8');
    return reply
      .header('content-security-policy', POLICY)
      .type('text/html; charset=utf-8')
      .send(pageOf(text));
  });
}
