import * as calls from "./calls.ts";
import { type Generator, openGenerator } from "./generator.ts";
import { handler, serveCalls } from "./process-calls.ts";

let opened: Generator | undefined;

const generator = (): Generator => {
  if (!opened) throw new Error("the generator is not open");
  return opened;
};

serveCalls([
  handler(calls.openGenerator, async options => {
    opened = await openGenerator(options);
    return {};
  }),
  handler(calls.prepareRun, plan => {
    generator().prepare(plan);
    return {};
  }),
  handler(calls.sendRun, async () => {
    await generator().send();
    return {};
  }),
  handler(calls.reportRun, () => generator().report()),
]);
