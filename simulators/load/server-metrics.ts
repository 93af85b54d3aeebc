export interface ServerMetrics {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
}

/** What the server's processes say of themselves at `/metrics`, added up. */
export async function readServerMetrics(httpUrls: readonly string[]): Promise<ServerMetrics> {
  const each = await Promise.all(httpUrls.map(readOne));
  return {
    cpuSeconds: each.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
    residentBytes: each.reduce((sum, { residentBytes }) => sum + residentBytes, 0),
  };
}

async function readOne(httpUrl: string): Promise<ServerMetrics> {
  const response = await fetch(`${httpUrl.replace(/\/+$/, "")}/metrics`);
  if (!response.ok) throw new Error(`/metrics was answered ${response.status}`);
  const text = await response.text();
  return {
    cpuSeconds: sampleOf(text, "process_cpu_seconds_total"),
    residentBytes: sampleOf(text, "process_resident_memory_bytes"),
  };
}

function sampleOf(text: string, name: string): number {
  const [, value] = new RegExp(`^${name} (\\S+)`, "m").exec(text) ?? [];
  if (value === undefined) throw new Error(`the server's metrics have no ${name}`);
  return Number(value);
}
