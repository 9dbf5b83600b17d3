/** Chromium, where machines usually have it. */
import { accessSync, constants } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

/** Chromium without windows and without what belongs to its user, which opens a page in half the time. */
const SHELL = '/usr/bin/chromium-headless-shell';
const WHOLE = [
  process.env.CHROMIUM_PATH ?? '',
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/snap/bin/chromium',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  'C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe',
];

const wholePath = WHOLE.find((path) => path !== '' && canRun(path));
const chromiumPath = process.env.CHROMIUM_PATH ?? (canRun(SHELL) ? SHELL : wholePath);

function canRun(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** For a test's `skip`: false when there is a browser, and always in CI, where its absence is a failure. */
export const withoutBrowser: string | false =
  chromiumPath === undefined && process.env.CI === undefined
    ? 'no Chromium: "apt-get install chromium-headless-shell", or set CHROMIUM_PATH'
    : false;

/** The same for the whole browser, which alone fills in forms with what its user has stored. */
export const withoutWholeBrowser: string | false =
  wholePath === undefined && process.env.CI === undefined
    ? 'no whole Chromium: "apt-get install chromium", or set CHROMIUM_PATH'
    : false;

/** @param whole not the headless shell */
export async function startBrowser({ whole = false } = {}): Promise<Browser> {
  const executablePath = whole ? wholePath : chromiumPath;
  if (executablePath === undefined) throw new Error('no Chromium: install it, or set CHROMIUM_PATH');
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      // A process of its own for what draws takes a tenth more.
      '--in-process-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      // No page lives long enough to gain what optimising its code costs: a tenth of all.
      '--js-flags=--no-opt --no-maglev',
    ],
  });
}
