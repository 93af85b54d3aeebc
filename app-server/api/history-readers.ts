import { createSerial } from "../../platform/serial.ts";

/** Streams that read the history at once, one query each: clients of a server that was away come back together. */
const readers = 2;

/** Runs what reads the history for streams, a few at a time. */
export type HistoryReaders = <Result>(read: () => Promise<Result>) => Promise<Result>;

export function createHistoryReaders(): HistoryReaders {
  const reading = createSerial<number>();
  let turn = 0;
  return read => {
    turn = (turn + 1) % readers;
    return reading.run(turn, read);
  };
}
