import type { ApiClient, ApiRecord } from "./api-client.ts";
import type { Terminal } from "./terminal.ts";

const everyMs = 1_000;
/** Of lines that stay, where there is no terminal to write the same one anew. */
const everyLines = 10;

export const countOf = (record: ApiRecord, name: string): number => {
  const value = record[name];
  return typeof value === "number" ? value : 0;
};

const grouped = (count: number): string =>
  Math.round(count)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ",");

interface Point {
  readonly atMs: number;
  readonly position: number;
  readonly bytes: number;
}

/** `12,500 records, 4,100/s, 38 %, about 12 s left`. */
export function progressText(first: Point, now: Point, totalBytes: number): string {
  const seconds = (now.atMs - first.atMs) / 1000;
  const rate = seconds > 0 ? (now.position - first.position) / seconds : 0;
  const bytesRate = seconds > 0 ? (now.bytes - first.bytes) / seconds : 0;
  const share = totalBytes > 0 ? `, ${Math.floor((100 * Math.min(now.bytes, totalBytes)) / totalBytes)} %` : "";
  const left = bytesRate > 0 ? `, about ${Math.ceil(Math.max(0, totalBytes - now.bytes) / bytesRate)} s left` : "";
  return `${grouped(now.position)} records, ${grouped(rate)}/s${share}${left}`;
}

/** Asks the server how far the import under this key is, and shows it until it is ended. */
export function showProgress(client: ApiClient, key: string, totalBytes: number, terminal: Terminal): { end(): void } {
  const { clock } = terminal;
  let first: Point | undefined;
  let rounds = 0;
  let isEnded = false;
  let shownLength = 0;
  let cancel = clock.after(everyMs, look);

  function look(): void {
    void ask().finally(() => {
      if (!isEnded) cancel = clock.after(everyMs, look);
    });
  }

  async function ask(): Promise<void> {
    // Only a picture of what goes on: if it cannot be had, the import goes on all the same.
    const [record] = await client.list("/imports", { key }, 1).then(
      ({ items }) => items,
      () => [],
    );
    if (record === undefined || isEnded) return;
    const now = { atMs: clock.nowMs(), position: countOf(record, "position"), bytes: countOf(record, "bytesRead") };
    if (first === undefined && now.position > 0 && terminal.isTty === false) terminal.writeError("Importing.\n");
    first ??= now;
    rounds += 1;
    const text = progressText(first, now, totalBytes);
    if (terminal.isTty) {
      terminal.writeError(`\r${text.padEnd(shownLength)}`);
      shownLength = text.length;
    } else if (rounds % everyLines === 0) terminal.writeError(`${text}\n`);
  }

  return {
    end() {
      isEnded = true;
      cancel();
      if (shownLength > 0) terminal.writeError(`\r${" ".repeat(shownLength)}\r`);
    },
  };
}
