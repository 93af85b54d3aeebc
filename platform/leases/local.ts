import { partitionCount } from "../state/store.ts";
import type { LeaseHolder, Leases } from "./leases.ts";

/** All partitions for a process that is alone. */
export function createLocalLeases(): Leases {
  let holder: LeaseHolder | undefined;
  const partitions = Array.from({ length: partitionCount }, (_, partition) => partition);
  return {
    async start(started) {
      holder = started;
      for (const partition of partitions) started.acquired(partition);
    },
    isHeld: () => holder !== undefined,
    async close() {
      const last = holder;
      await Promise.all(partitions.map(partition => last?.released(partition)));
      holder = undefined;
    },
  };
}
