import { type Brand, type Parsed, parsed, refused } from './parse.ts';

/** An individual identification number of Kazakhstan: 12 digits. Personal data: never stored or logged. */
export type Iin = Brand<'Iin'>;

/** The first year of the century and sex digit: 1, 2 for the 1800s, 3, 4 for the 1900s, 5, 6 for the 2000s. */
const CENTURIES: readonly (number | undefined)[] = [undefined, 1800, 1800, 1900, 1900, 2000, 2000];
const DAYS_IN_MONTH: readonly number[] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

const FIRST_WEIGHTS: readonly number[] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
const SECOND_WEIGHTS: readonly number[] = [3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2];

/**
 * Checks an IIN by its structure, in this order:
 *
 *     YYMMDD C NNNN K    12 digits; C century and sex; YYMMDD a day of that century; K check digit
 *
 * K is the weighted sum of the first 11 digits modulo 11; if that is 10, the same with the second
 * weights; if that is 10 too, no number has these digits. (Government resolutions No. 565 of 11 June
 * 2003 for the structure, https://adilet.zan.kz/rus/docs/P030000565_, and No. 406 of 22 May 2007 for
 * the check digit, https://adilet.zan.kz/rus/docs/P070000406_.)
 *
 * A century digit of 0 is refused: the published structure has 1 to 6 only, and with 0 the birth date
 * has no century. Do not derive an age from an IIN: resolution No. 853 of 26 August 2013 ended the
 * promise that YYMMDD is the holder's own birth date (after a correction it may not be), although it
 * is a date. One in the future is accepted: this function has no clock.
 *
 * The error names the rule that failed and never contains the number.
 */
export function parseIin(text: string): Parsed<Iin> {
  if (!/^[0-9]{12}$/.test(text)) {
    return refused('must be 12 digits');
  }
  const century = CENTURIES[digitAt(text, 6)];
  if (century === undefined) {
    return refused('must have a century digit (the 7th) from 1 to 6');
  }
  if (!isDay(century + numberAt(text, 0), numberAt(text, 2), numberAt(text, 4))) {
    return refused('must begin with a real birth date, YYMMDD');
  }
  if (checkDigitOf(text) !== digitAt(text, 11)) {
    return refused('must have the right check digit (the 12th)');
  }
  return parsed(text as Iin);
}

/** 0 to 9, or 10 when no check digit exists. */
function checkDigitOf(text: string): number {
  const first = weightedSum(text, FIRST_WEIGHTS) % 11;
  return first === 10 ? weightedSum(text, SECOND_WEIGHTS) % 11 : first;
}

function weightedSum(text: string, weights: readonly number[]): number {
  let sum = 0;
  for (const [position, weight] of weights.entries()) {
    sum += digitAt(text, position) * weight;
  }
  return sum;
}

function isDay(year: number, month: number, day: number): boolean {
  const leapDay = month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 1 : 0;
  return day >= 1 && day <= (DAYS_IN_MONTH[month - 1] ?? 0) + leapDay;
}

/** The two-digit number at a position. */
function numberAt(text: string, position: number): number {
  return digitAt(text, position) * 10 + digitAt(text, position + 1);
}

function digitAt(text: string, position: number): number {
  return text.charCodeAt(position) - 48;
}

/** The last four digits, the only part that may be stored in clear and shown. */
export function lastDigitsOf(iin: Iin): string {
  return iin.slice(-4);
}
