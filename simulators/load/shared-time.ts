/** Of this process so far. */
export function cpuTimeUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Microseconds of the system's monotonic clock: the same in every process of a machine, so that times can be compared. */
export function sharedUs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e6 + nanoseconds / 1e3;
}
