/**
 * Leases: until when something is somebody's. They are compared with the database's clock, which may go back: when an
 * operator sets it right, when a machine is resumed, when a standby with another clock takes over.
 */

/** How far the clock may go back before a lease is doubted, as clocks do that are kept right. */
const SLACK = `interval '5 seconds'`;

/**
 * SQL of whether a lease is running. One that ends later than the longest one could is of a clock that has gone back
 * since, perhaps by hours, and its holder may be gone: it is none.
 * @param until its end, which may be null
 * @param longest an interval
 */
export function isLeased(until: string, longest: string): string {
  return `coalesce(${until} > clock_timestamp() AND ${until} <= clock_timestamp() + ${longest} + ${SLACK}, false)`;
}

/** SQL of whether a time that was set at most so far ahead has come, or is of a clock that has gone back since. */
export function hasCome(at: string, longest: string, now = 'clock_timestamp()'): string {
  return `(${at} <= ${now} OR ${at} > ${now} + ${longest} + ${SLACK})`;
}
