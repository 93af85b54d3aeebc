import { describe, expect, test } from "vitest";
import { type AlertCondition, type AlertKind, type AlertRule, alertKinds } from "../../../app-server/alert-ports.ts";
import { alertDefinitions, ruleOf } from "../../../app-server/alert-rule-ports.ts";
import { type Observation, step } from "../../../app-server/alerts/rule.ts";

const minute = 60_000;

/** One subject under one rule, as time passes. */
function watch(kind: AlertKind, change: Partial<AlertRule> = {}) {
  const rule = ruleOf(kind, change);
  let condition: AlertCondition | undefined;
  let nowMs = 0;
  let names = 0;
  const see = (...seen: readonly Observation[]): string => {
    const next = step(kind, rule, condition, seen, nowMs);
    // What is kept goes through the database.
    condition = next.condition && JSON.parse(JSON.stringify(next.condition));
    return next.transition?.kind ?? "nothing";
  };
  return {
    see,
    value: (value: number) => see({ kind: "value", value, details: {} }),
    happens: (name = `n${names++}`) => see({ kind: "happened", atMs: nowMs, name, details: {} }),
    later: (ms: number) => {
      nowMs += ms;
      return see();
    },
    pass(ms: number): void {
      nowMs += ms;
    },
    next: () => step(kind, rule, condition, [], nowMs).checkAtMs,
    isForgotten: () => condition === undefined,
  };
}

describe("a rule that measures", () => {
  test("raises at one value and clears at another, and nothing happens in between", () => {
    const { value, isForgotten } = watch("noise", { raiseAfterSeconds: 0, clearAfterSeconds: 0 });
    expect([79, 80, 70, 90, 61].map(value)).toEqual(["nothing", "raise", "nothing", "nothing", "nothing"]);
    expect([60, 70, 79, 80].map(value)).toEqual(["clear", "nothing", "nothing", "raise"]);
    value(0);
    expect(isForgotten()).toBe(true);
  });

  test("waits until the value has lasted, and begins anew when it did not", () => {
    const { value, later, pass, next } = watch("noise", { raiseAfterSeconds: 600, clearAfterSeconds: 300 });
    expect(value(90)).toBe("nothing");
    expect(next()).toBe(10 * minute);
    pass(9 * minute);
    expect(value(50)).toBe("nothing");
    pass(minute);
    expect(value(90)).toBe("nothing");
    expect(later(9 * minute)).toBe("nothing");
    expect(later(minute)).toBe("raise");
    pass(minute);
    expect(value(10)).toBe("nothing");
    pass(4 * minute);
    expect(value(70)).toBe("nothing");
    pass(minute);
    expect(value(10)).toBe("nothing");
    expect(later(5 * minute)).toBe("clear");
  });

  test("can be of too little", () => {
    const { value } = watch("battery-low");
    expect([100, 21, 20, 25, 29, 30].map(value)).toEqual([
      "nothing",
      "nothing",
      "raise",
      "nothing",
      "nothing",
      "clear",
    ]);
  });

  test("is over at once when somebody turns it off", () => {
    const on = watch("noise", { raiseAfterSeconds: 0 });
    expect(on.value(90)).toBe("raise");
    const off = step("noise", ruleOf("noise", { isEnabled: false }), { value: 90, times: [], isRaised: true }, [], 0);
    expect(off).toMatchObject({ condition: undefined, transition: { kind: "clear" } });
    expect(watch("noise", { isEnabled: false }).value(100)).toBe("nothing");
  });
});

describe("a rule that counts", () => {
  test("raises at so many in the window, each once, and is over when the window is empty", () => {
    const { happens, later, pass, next, isForgotten } = watch("join-failures");
    expect(happens("a")).toBe("nothing");
    expect(happens("a")).toBe("nothing");
    pass(50 * minute);
    expect(happens("b")).toBe("nothing");
    pass(11 * minute);
    // The first no longer counts.
    expect(happens("c")).toBe("nothing");
    expect(happens("d")).toBe("raise");
    expect(later(30 * minute)).toBe("nothing");
    expect(next()).toBeGreaterThan(0);
    expect(later(31 * minute)).toBe("clear");
    expect(isForgotten()).toBe(true);
  });

  test("is forgotten when nothing came of it", () => {
    const { happens, later, isForgotten } = watch("replay");
    happens();
    expect(isForgotten()).toBe(false);
    later(61 * minute);
    expect(isForgotten()).toBe(true);
  });
});

test.each(alertKinds)("%s raises at its default, clears at its default, and says what to do", kind => {
  const { rule, counts, isLow, title, whatToDo, measures } = alertDefinitions[kind];
  expect(isLow ? rule.clear > rule.raise : rule.clear < rule.raise).toBe(true);
  expect(`${title}${whatToDo}${measures}`.length).toBeGreaterThan(50);
  const { value, happens, later } = watch(kind);
  if (counts) {
    for (let n = 1; n < rule.raise; n += 1) expect(happens()).toBe("nothing");
    expect(happens()).toBe("raise");
    expect(later(rule.windowMinutes * minute + 1)).toBe("clear");
    return;
  }
  const beyond = isLow ? rule.raise + 1 : rule.raise - 0.1;
  expect(value(beyond)).toBe("nothing");
  value(rule.raise);
  if (rule.raiseAfterSeconds > 0) expect(later(rule.raiseAfterSeconds * 1000)).toBe("raise");
  const cleared = value(rule.clear);
  expect(rule.clearAfterSeconds > 0 ? later(rule.clearAfterSeconds * 1000) : cleared).toBe("clear");
});
