/** A merchant's colour on the page's light and dark ground: made readable where it is not. Pure. */

/** A colour as red, green and blue from 0 to 255. */
type Rgb = readonly [number, number, number];

/** What is behind it: `--card` of the page's style. */
const GROUNDS = { light: '#ffffff', dark: '#161a21' } as const;
/** What it goes towards until it can be told from the ground. */
const ENDS = { light: '#000000', dark: '#ffffff' } as const;

/**
 * Text needs 4.5 (WCAG 2, AA). With some more the colour can also be read on a tint of itself, and what is written on it
 * is the ground's own colour.
 */
const LEAST_CONTRAST = 5.5;
const STEP = 0.02;

export type Scheme = keyof typeof GROUNDS;

/** @param color `#rrggbb` */
export function readableColors(color: string): Readonly<Record<Scheme, string>> {
  return { light: readableOn('light', color), dark: readableOn('dark', color) };
}

function readableOn(scheme: Scheme, color: string): string {
  const [from, end, ground] = [rgbOf(color), rgbOf(ENDS[scheme]), rgbOf(GROUNDS[scheme])];
  for (let share = 0; share < 1; share += STEP) {
    const mixed = mix(from, end, share);
    if (contrast(mixed, ground) >= LEAST_CONTRAST) return hexOf(mixed);
  }
  return ENDS[scheme];
}

/** Contrast of two colours, from 1 to 21. */
export function contrastOf(one: string, other: string): number {
  return contrast(rgbOf(one), rgbOf(other));
}

function contrast(one: Rgb, other: Rgb): number {
  const [a, b] = [luminance(one), luminance(other)];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

function luminance([red, green, blue]: Rgb): number {
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
}

function linear(channel: number): number {
  const share = channel / 255;
  return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
}

function mix(from: Rgb, to: Rgb, share: number): Rgb {
  const channel = (i: 0 | 1 | 2): number => Math.round(from[i] + (to[i] - from[i]) * share);
  return [channel(0), channel(1), channel(2)];
}

function rgbOf(color: string): Rgb {
  const channel = (at: number): number => Number.parseInt(color.slice(at, at + 2), 16);
  return [channel(1), channel(3), channel(5)];
}

function hexOf(rgb: Rgb): string {
  return `#${rgb.map((channel) => channel.toString(16).padStart(2, '0')).join('')}`;
}
