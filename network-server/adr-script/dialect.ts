import type { ScriptDialect } from "../../platform/sandbox/dialect.ts";

/** ADR algorithms written for ChirpStack's interface: `handle(req)`, and `id()` for people. */
export const adrDialect: ScriptDialect = {
  fileName: "adr.js",
  extras: [],
  functions: ["handle", "id"],
  operations: `
({ settled, isObject, isArray }) => {
  const Text = String;
  const handle = (functions, request) => {
    if (!functions.handle) throw new TypeError("the script has no function handle");
    const answer = settled("handle", functions.handle(request));
    if (!isObject(answer) || isArray(answer)) throw new TypeError("handle did not return an object");
    const { dr, txPowerIndex, nbTrans, reason } = answer;
    return { dr, txPowerIndex, nbTrans, reason, id: functions.id ? Text(functions.id()) : undefined };
  };
  return { __proto__: null, handle };
}`,
};
