/** The customers of a run: as many as it takes, each with a phone number and a valid IIN of its own. */
import { parseIin } from '../packages/server/src/core/values/iin.ts';

export interface Customer {
  readonly phone: string;
  readonly iin: string;
}

/** The first `count` customers, the same in every process that asks. */
export function customersOf(count: number): Customer[] {
  return Array.from({ length: count }, (_, number) => ({
    phone: `+7702${String(number).padStart(7, '0')}`,
    iin: iinOf(number),
  }));
}

/** The check digit exists for 10 of 11 numbers; the next serial number stands in for the eleventh. */
function iinOf(number: number): string {
  const day = String(1 + (number % 28)).padStart(2, '0');
  const month = String(1 + (Math.floor(number / 28) % 12)).padStart(2, '0');
  const year = 50 + (Math.floor(number / 336) % 50);
  for (let serial = Math.floor(number / 16_800); ; serial += 1) {
    const digits = `${year}${month}${day}3${String(serial).padStart(4, '0')}`;
    for (let checkDigit = 0; checkDigit < 10; checkDigit += 1) {
      if (parseIin(`${digits}${checkDigit}`).ok) return `${digits}${checkDigit}`;
    }
  }
}
