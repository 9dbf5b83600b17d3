/** Whatever a merchant's colour is, what the page shows in it can be read. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { contrastOf, readableColors } from '../../src/checkout/colors.ts';

const color = fc
  .integer({ min: 0, max: 0xff_ff_ff })
  .map((number) => `#${number.toString(16).padStart(6, '0')}`);
const GROUNDS = { light: '#ffffff', dark: '#161a21' } as const;
/** What the page writes on a button. */
const ON_IT = { light: '#ffffff', dark: '#10142e' } as const;

/** `color-mix(in srgb, color 8%, ground)`. */
function tintOf(shown: string, ground: string): string {
  const channels = [1, 3, 5].map((at) => {
    const [one, other] = [shown, ground].map((text) => Number.parseInt(text.slice(at, at + 2), 16));
    return Math.round(0.08 * (one ?? 0) + 0.92 * (other ?? 0));
  });
  return `#${channels.map((channel) => channel.toString(16).padStart(2, '0')).join('')}`;
}

describe('a colour', () => {
  for (const scheme of ['light', 'dark'] as const)
    test(`on a ${scheme} ground can be told from it, from its own tint, and from what is written on it`, () => {
      fc.assert(
        fc.property(color, (given) => {
          const shown = readableColors(given)[scheme];
          assert.match(shown, /^#[0-9a-f]{6}$/);
          const ground = GROUNDS[scheme];
          assert.ok(contrastOf(shown, ground) >= 5.5, shown);
          assert.ok(contrastOf(shown, ON_IT[scheme]) >= 4.5, shown);
          assert.ok(contrastOf(shown, tintOf(shown, ground)) >= 4.5, shown);
        }),
        { numRuns: 2_000 },
      );
    });

  test('that can be read is shown as it is; others move no further than they must', () => {
    assert.deepEqual(readableColors('#4338ca').light, '#4338ca');
    assert.deepEqual(readableColors('#a5b0ff').dark, '#a5b0ff');
    const { light, dark } = readableColors('#ffd400');
    assert.equal(dark, '#ffd400');
    assert.ok(contrastOf(light, '#ffffff') < 6, light);
    assert.deepEqual(readableColors('#ffffff').dark, '#ffffff');
    assert.ok(contrastOf('#000000', '#ffffff') > 20.9);
  });
});
