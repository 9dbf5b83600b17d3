import { randomFillSync } from 'node:crypto';
import { v7 } from 'uuid';

/** Random bytes are taken from the system 256 ids at a time: one at a time costs 1.5 µs each. */
const ID_BYTES = 16;
const pool = new Uint8Array(256 * ID_BYTES);
let used = pool.length;

/** The last id's time, and its count within that millisecond: 32 bits that begin at a random 31-bit number. */
let msecs = 0;
let seq = 0;

/** A new UUIDv7. Ids of one process sort in the order in which they were made. */
export function newId(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const random = pool.subarray(used, used + ID_BYTES);
  used += ID_BYTES;
  const now = Date.now();
  if (now > msecs) {
    msecs = now;
    seq = new DataView(random.buffer, random.byteOffset).getUint32(0) >>> 1;
  } else {
    // 2^31 more ids within one millisecond, or while the clock is behind, are out of reach.
    seq += 1;
  }
  // Of `random`, v7() takes the last 6 bytes.
  return v7({ msecs, seq, random });
}
