import { createInterface } from "node:readline";
import type { ApplicationEvent } from "../../app-server/ports.ts";
import { parseApplicationId, parseDevEui, parseTenantId } from "../../lorawan/ids.ts";
import { startTestBroker } from "./embedded-broker.ts";

/**
 * A process to be killed: the broker inside with its sessions in `folder`, for any login of `applicationId`. Prints its port;
 * delivers an event for each number that it reads and prints the number once the event is handed over.
 */
const [folder = "", applicationIdText = ""] = process.argv.slice(2);
const applicationId = parseApplicationId(applicationIdText);

const broker = await startTestBroker(folder, applicationId);

const event = (fCnt: number): ApplicationEvent => ({
  kind: "up",
  tenantId: parseTenantId("52f14cd4-c6f1-4fbd-8f87-4025e1d49242"),
  applicationId,
  devEui: parseDevEui("0101010101010101"),
  json: JSON.stringify({ fCnt }),
});

createInterface({ input: process.stdin }).on("line", line => {
  void broker.sink.deliver(event(Number(line))).then(() => process.stdout.write(`${line}\n`));
});
process.stdout.write(`${broker.port}\n`);
