/** What small collections of garbage leave behind. */
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect: (options?: { type: 'minor' | 'major' }) => void = runInNewContext('gc');

const CYCLES = 1_000;
/** As often as a busy server collects. */
const CYCLES_PER_COLLECTION = 100;

function oldGeneration(): number {
  const spaces = getHeapSpaceStatistics().filter(({ space_name: name }) => name.startsWith('old'));
  return spaces.reduce((sum, { space_used_size: used }) => sum + used, 0);
}

/**
 * How many bytes of what `cycle` makes and lets go of end up in the old generation, where only full collections look.
 * @returns for each cycle
 */
export async function promotedBytes(cycle: () => unknown): Promise<number> {
  const run = async (cycles: number): Promise<void> => {
    for (let i = 1; i <= cycles; i += 1) {
      await cycle();
      if (i % CYCLES_PER_COLLECTION === 0) collect({ type: 'minor' });
    }
  };
  await run(CYCLES_PER_COLLECTION + 1);
  // What is alive is old from here on, as in a server that has run for a while.
  collect({ type: 'major' });
  collect({ type: 'major' });
  const before = oldGeneration();
  await run(CYCLES);
  return (oldGeneration() - before) / CYCLES;
}
