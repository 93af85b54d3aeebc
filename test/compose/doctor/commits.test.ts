import { once } from "node:events";
import { createServer } from "node:http";
import { expect, onTestFinished, test } from "vitest";
import { commitsCheck } from "../../../compose/doctor/commits.ts";
import { createMetrics } from "../../../platform/metrics.ts";
import { patient } from "./examined.ts";

/** What the doctor finds of a server with these metrics. */
async function commitsOf(text: () => Promise<string>, status = 200): Promise<string> {
  const server = createServer(async (_request, response) => response.writeHead(status).end(await text()));
  onTestFinished(() => void server.close());
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  return (await commitsCheck.run(patient({ url: `http://127.0.0.1:${port}`, isRunning: true }))).found;
}

test("commits of a server that runs are counted as its metrics have them", async () => {
  const metrics = createMetrics();
  const text = () => metrics.registry.metrics();
  expect(await commitsOf(text)).toBe("0 since the start, 0 of them slower than 0.25 s");
  for (const seconds of [0.003, 0.1, 0.25, 0.26, 7]) metrics.storeCommitSeconds.observe(seconds);
  expect(await commitsOf(text)).toBe("5 since the start, 2 of them slower than 0.25 s");
});

test("a server of before there was such a metric has none", async () => {
  expect(await commitsOf(async () => "process_cpu_seconds_total 3\n")).toBe(
    "0 since the start, 0 of them slower than 0.25 s",
  );
});

test("a server that does not tell its metrics is no server without commits", async () => {
  await expect(commitsOf(async () => "not found", 404)).rejects.toThrow("/metrics was answered 404");
});
