/** Amounts and times as people read them. Amounts are integers of minor units and never become floats. */
import { decimalOf } from '@plexy-pay/money';
import { exponentOf } from '@plexy-pay/sdk';

export type Language = 'en' | 'ru' | 'kk';

/**
 * Chromium calls Kazakh supported and has no words of it ("M11" for a month): numbers are written as in Russian
 * there, and months as numbers.
 */
const HAS_KAZAKH = !/\d/.test(new Intl.DateTimeFormat('kk-KZ', { month: 'long' }).format(0));

const LOCALES: Readonly<Record<Language, string>> = {
  en: 'en-GB',
  ru: 'ru-RU',
  kk: HAS_KAZAKH ? 'kk-KZ' : 'ru-RU',
};

const KAZAKH_UNITS = { day: 'күн', hour: 'сағ', minute: 'мин', second: 'с' } as const;

export function localeOf(language: Language): string {
  return LOCALES[language];
}

const formats = new Map<string, Intl.NumberFormat>();

function numberFormat(language: Language, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = language + JSON.stringify(options);
  const known = formats.get(key) ?? new Intl.NumberFormat(localeOf(language), options);
  formats.set(key, known);
  return known;
}

/** `₸1,234.56`: the currency's own sign and digits. ISO's digits, which Intl's table does not always have. */
export function formatAmount(amount: number | bigint, currency: string, language: Language): string {
  const exponent = exponentOf(currency);
  const digits = { minimumFractionDigits: exponent, maximumFractionDigits: exponent };
  const style = { style: 'currency', currency, currencyDisplay: 'narrowSymbol', ...digits } as const;
  return numberFormat(language, style).format(decimalOf(amount, exponent));
}

/** The number alone, as one types it: `1234.56`. */
export function amountInput(amount: number | bigint, currency: string): string {
  return decimalOf(amount, exponentOf(currency));
}

/**
 * What a person typed, in minor units: both `1 234,56` and `1,234.56` are 123456 of KZT.
 * The last comma or point is decimal unless exactly three digits follow it and the currency has fewer. A single one
 * before three digits says nothing then, neither thousand nor thousandth: `1,234` of KZT is refused.
 * @returns null for anything that is not a positive amount of this currency
 */
export function parseAmount(text: string, currency: string): number | null {
  const exponent = exponentOf(currency);
  const compact = text.replace(/[\s\u00a0\u202f'’]/g, '');
  if (!/^\d[\d.,]*$/.test(compact)) return null;
  const decimal = new RegExp(`^(.*\\d)[.,](\\d{0,${exponent}})$`);
  const [, whole = compact, fraction = ''] = (exponent > 0 && decimal.exec(compact)) || [];
  if (!/^\d+$/.test(whole) && !/^[1-9]\d{0,2}(?:([.,])\d{3})(?:\1\d{3})*$/.test(whole)) return null;
  if (exponent > 0 && /^\d+[.,]\d{3}$/.test(compact) && whole === compact) return null;
  const minor = BigInt(whole.replace(/[.,]/g, '') + fraction.padEnd(exponent, '0'));
  return minor > 0n && minor <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(minor) : null;
}

export function formatNumber(
  value: number,
  language: Language,
  options: Intl.NumberFormatOptions = {},
): string {
  const text = numberFormat(language, options).format(value);
  return language === 'kk' ? text.replace('тыс.', 'мың') : text;
}

/** A share of 1 as `98.7%`. */
export function formatShare(share: number, language: Language): string {
  return formatNumber(share, language, {
    style: 'percent',
    minimumFractionDigits: 1,
    maximumFractionDigits: 1,
  });
}

/** `33 ms`. */
export function formatMilliseconds(value: number, language: Language): string {
  const text = formatNumber(value, language, { style: 'unit', unit: 'millisecond' });
  return language === 'kk' ? text.replace('ms', 'мс') : text;
}

export type TimeStyle = 'hour' | 'day' | 'short' | 'full';

const TIME_STYLES: Readonly<Record<TimeStyle, Intl.DateTimeFormatOptions>> = {
  hour: { hour: '2-digit', minute: '2-digit' },
  day: { day: 'numeric', month: 'short' },
  short: { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', second: '2-digit' },
  full: {
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  },
};

function timeStyle(style: TimeStyle, language: Language): Intl.DateTimeFormatOptions {
  const { month, ...rest } = TIME_STYLES[style];
  if (month === undefined) return rest;
  return { ...rest, month: language === 'kk' && !HAS_KAZAKH ? '2-digit' : month };
}

const timeFormats = new Map<string, Intl.DateTimeFormat>();

/** In this zone, else in the viewer's. */
export function formatTime(
  at: string | number | Date,
  style: TimeStyle,
  language: Language,
  timeZone?: string,
): string {
  const key = [language, style, timeZone].join(' ');
  const known =
    timeFormats.get(key) ??
    new Intl.DateTimeFormat(localeOf(language), { ...timeStyle(style, language), timeZone });
  timeFormats.set(key, known);
  return known.format(new Date(at));
}

/** `Almaty, GMT+5`: a zone as people know it, with what it is away from Greenwich now. */
export function zoneName(timeZone: string, language: Language, now: number): string {
  const city = timeZone.split('/').at(-1)?.replaceAll('_', ' ') ?? timeZone;
  const parts = new Intl.DateTimeFormat(localeOf(language), { timeZone, timeZoneName: 'shortOffset' });
  const offset = parts.formatToParts(now).find(({ type }) => type === 'timeZoneName')?.value ?? '';
  return city === offset ? city : `${city}, ${offset}`;
}

/** `2026-11-21 09:03:22.123 UTC`. */
export function utcTime(at: string | number | Date): string {
  return `${new Date(at).toISOString().replace('T', ' ').replace('Z', '')} UTC`;
}

/** `3 h`, `45 min`: the largest unit alone. */
export function formatDuration(seconds: number, language: Language): string {
  const [unit, size] = UNITS.find(([, ms]) => seconds * 1_000 >= ms) ?? ['second', 1_000];
  if (language === 'kk') return `${Math.floor((seconds * 1_000) / size)} ${KAZAKH_UNITS[unit]}`;
  const style = { style: 'unit', unit, unitDisplay: 'short', maximumFractionDigits: 0 } as const;
  return formatNumber(Math.floor((seconds * 1_000) / size), language, style);
}

const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
] as const;

/** `11 d 20 h`, `3 h 5 min`: the two largest units. */
export function formatSpan(seconds: number, language: Language): string {
  const minutes = Math.floor(seconds / 60);
  const parts = [
    [Math.floor(minutes / 1_440), 'day'],
    [Math.floor(minutes / 60) % 24, 'hour'],
    [minutes % 60, 'minute'],
  ] as const;
  const first = Math.max(
    0,
    parts.findIndex(([count]) => count > 0),
  );
  return parts
    .slice(first, first + 2)
    .flatMap(([count, unit]) => (count === 0 ? [] : [`${count} ${SPAN_UNITS[language][unit]}`]))
    .join(' ');
}

const SPAN_UNITS = {
  en: { day: 'd', hour: 'h', minute: 'min' },
  ru: { day: 'д', hour: 'ч', minute: 'мин' },
  kk: KAZAKH_UNITS,
} as const;

/** `in 3 hours`, `2 days ago`. */
export function formatRelative(at: string | number, now: number, language: Language): string {
  const ms = new Date(at).getTime() - now;
  const [unit, size] = UNITS.find(([, size]) => Math.abs(ms) >= size) ?? ['second', 1_000];
  if (language === 'kk') {
    const count = Math.trunc(Math.abs(ms) / size);
    return `${count} ${KAZAKH_UNITS[unit]} ${ms < 0 ? 'бұрын' : 'қалды'}`;
  }
  return new Intl.RelativeTimeFormat(localeOf(language), { numeric: 'auto' }).format(
    Math.trunc(ms / size),
    unit,
  );
}

/** A time as the browser's own field takes it, in the viewer's zone: `2026-11-21T14:03`. */
export function localTime(at: string | undefined): string {
  const ms = Date.parse(at ?? '');
  if (Number.isNaN(ms)) return '';
  return new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
