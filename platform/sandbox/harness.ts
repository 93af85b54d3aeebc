import type { ScriptDialect } from "./dialect.ts";
import { asFunctionBody, defaultExport } from "./module-shape.ts";

/** What a script may write to `console` in one call that is traced: so many lines of so many characters. */
const mostLines = 200;
const longestLine = 1000;

/** Lines that stand before the script's own in what is evaluated. */
export const linesBefore = 1;

/**
 * Evaluated before everything else. Gives a function that takes the script as a function (see `scriptFunction`) and a
 * `Protection`, and gives nothing if it is changed, or
 * `call(operation, inputJson, isTraced)`, which answers JSON: `{"result": ...}` or `{"failure": "message", "line", "column"}`,
 * with `console` if traced and `stale` if the context must not be used again.
 */
export const harnessOf = ({ fileName, functions, operations }: ScriptDialect): string => `
(function () {
  "use strict";
  const parse = JSON.parse, stringify = JSON.stringify, isArray = Array.isArray, Text = String, global = globalThis;
  const { ownKeys, deleteProperty, defineProperty, getOwnPropertyDescriptor, getPrototypeOf, isExtensible } = Reflect;
  const { freeze } = Object, ObjectPrototype = Object.prototype;
  const isObject = value => typeof value === "object" && value !== null;

  let lines;
  const textOf = value => {
    try {
      if (typeof value === "string") return value;
      return isObject(value) && !(value instanceof Error) ? stringify(value) || Text(value) : Text(value);
    } catch {
      return "something that has no text";
    }
  };
  const write = (...values) => {
    if (lines !== undefined && lines.length < ${mostLines}) lines.push(values.map(textOf).join(" ").slice(0, ${longestLine}));
  };
  global.console = freeze({ log: write, info: write, warn: write, error: write, debug: write, trace: write });

  const placeOf = error => {
    const [, line, column] = /${fileName.replace(".", "\\.")}:(\\d+)(?::(\\d+))?/.exec(Text(error.stack || "")) || [];
    return line === undefined ? {} : { line: line - ${linesBefore}, column: Number(column || 1) };
  };
  const failureOf = (error, prefix) => {
    try {
      if (!error || typeof error !== "object" || !("message" in error)) return { failure: prefix + Text(error) };
      const place = placeOf(error);
      const name = error.name ? Text(error.name) + ": " : "";
      const line = place.line === undefined ? "" : " (line " + place.line + ")";
      return { failure: prefix + name + Text(error.message) + line, ...place };
    } catch {
      return { failure: prefix + "threw something that has no text" };
    }
  };
  const textOfFailure = error => failureOf(error, "").failure;
  const settled = (name, value) => {
    if (isObject(value) && typeof value.then === "function") {
      throw new TypeError(name + " returned a promise: it has to answer at once");
    }
    if (value === undefined) throw new TypeError(name + " returned nothing");
    return value;
  };
  const operations = (${operations})({ settled, isObject, isArray, textOfFailure });
  const isEmpty = object => {
    for (const _ in object) return false;
    return true;
  };
  const names = ${JSON.stringify(functions)};

  /** The script's top level runs at each call: nothing that it keeps in variables is there at the next. */
  const load = script => {
    const exports = {};
    const module = { exports };
    const { scope, shared } = script(module, exports);
    const exported = module.exports;
    if (shared === undefined && exported === exports && isEmpty(exports)) return scope;
    for (const place of [exported, shared].filter(Boolean)) {
      for (const name of names) {
        if (scope[name] === undefined && typeof place[name] === "function") scope[name] = place[name];
        if (scope[name] === undefined && typeof place === "function" && place.name === name) scope[name] = place;
      }
    }
    return scope;
  };

  ${protection}

  return (script, protection) => {
    // What a trial changed stays changed: the caller begins anew.
    if (protection === "unless changed" && changesOnLoad(script)) return undefined;
    const isProtected = protection !== "never";
    if (isProtected) protect();
    const known = new Set(ownKeys(global));
    const knownCount = known.size;
    const replaceable = ["console", "Buffer", "require"].filter(name => known.has(name)).map(name => [name, global[name]]);
    /** True when the next call finds all as this one did. */
    const tidied = () => {
      for (const [name, value] of replaceable) if (global[name] !== value) return false;
      if (!isExtensible(global) || getPrototypeOf(global) !== ObjectPrototype) return false;
      const keys = ownKeys(global);
      if (keys.length === knownCount) return true;
      for (const key of keys) if (!known.has(key) && !deleteProperty(global, key)) return false;
      return true;
    };
    const answerOf = (operation, inputJson) => {
      let functions;
      try {
        functions = load(script);
      } catch (error) {
        return stringify(failureOf(error, "the script does not load: "));
      }
      if (operation === "load") return stringify({ result: ownKeys(functions) });
      try {
        const json = stringify({ result: operations[operation](functions, parse(inputJson)) });
        return typeof json === "string" ? json : stringify({ failure: "the answer cannot be written as JSON" });
      } catch (error) {
        return stringify(failureOf(error, ""));
      }
    };
    return (operation, inputJson, isTraced) => {
      if (operation === "console") return stringify({ result: lines || [] });
      lines = isTraced ? [] : undefined;
      const json = answerOf(operation, inputJson);
      const more = (lines ? ',"console":' + stringify(lines) : "") + (isProtected && tidied() ? "" : ',"stale":true');
      return more === "" ? json : json.slice(0, -1) + more + "}";
    };
  };
})()
`;

/**
 * Freezes every built-in, so that no call can change them for the next. What objects inherit from a frozen prototype
 * cannot be assigned on them in JavaScript; for names that scripts do assign (\`error.name\`, \`x.toString\`) accessors
 * give that back.
 */
const protection = `
  const assignable = new Set([...ownKeys(ObjectPrototype), "name", "message", "toJSON"]);
  const makeAssignable = (object, key, value) => {
    const { get, set } = {
      get() {
        return value;
      },
      set(given) {
        if (this === object) throw new TypeError("built-in objects cannot be changed");
        if (!isObject(this) && typeof this !== "function") return;
        defineProperty(this, key, { value: given, writable: true, enumerable: true, configurable: true });
      },
    };
    defineProperty(object, key, { configurable: false, enumerable: false, get: freeze(get), set: freeze(set) });
  };
  const hidden = () => [
    [].values(), new Map().entries(), new Set().values(), ""[Symbol.iterator](), /a/g[Symbol.matchAll](""),
    function* () {}, async () => {}, async function* () {}, [].values().map(value => value), Iterator.from({ next() {} }),
  ].map(getPrototypeOf);
  /** Every built-in but the global object itself. */
  const builtIns = () => {
    const found = new Set();
    const waiting = hidden();
    for (const key of ownKeys(global)) waiting.push(getOwnPropertyDescriptor(global, key).value);
    while (waiting.length > 0) {
      const object = waiting.pop();
      if (!(isObject(object) || typeof object === "function") || object === global || found.has(object)) continue;
      found.add(object);
      waiting.push(getPrototypeOf(object));
      for (const key of ownKeys(object)) {
        const { value, get, set } = getOwnPropertyDescriptor(object, key);
        waiting.push(value, get, set);
      }
    }
    return found;
  };
  const protect = () => {
    const TypedArray = getPrototypeOf(Uint8Array.prototype);
    for (const object of builtIns()) {
      // Nobody assigns them on lists, and an accessor for \`constructor\` makes every \`map\` slower.
      const isList = isArray(object) || object === TypedArray;
      const isPrototype = !isList && object.constructor && object.constructor.prototype === object;
      for (const key of isPrototype ? ownKeys(object) : []) {
        const descriptor = getOwnPropertyDescriptor(object, key);
        const isData = "value" in descriptor && descriptor.configurable;
        if (isData && assignable.has(key)) makeAssignable(object, key, descriptor.value);
      }
      freeze(object);
    }
    for (const key of ownKeys(global)) {
      const isOurs = key === "console" || key === "Buffer" || key === "require";
      const { configurable } = getOwnPropertyDescriptor(global, key);
      if (!isOurs && configurable) defineProperty(global, key, { writable: false, configurable: false });
    }
  };
  const fingerprint = () => {
    const all = [];
    for (const object of builtIns()) {
      for (const key of ownKeys(object)) {
        const { value, get, set } = getOwnPropertyDescriptor(object, key);
        all.push(object, key, value, get, set);
      }
    }
    return all;
  };
  /** Whether it changes a built-in when it is loaded; what it leaves on the global object is taken away. */
  const changesOnLoad = script => {
    const keys = new Set(ownKeys(global));
    const before = fingerprint();
    try {
      load(script);
    } catch {
      // Told when it is called.
    }
    for (const key of ownKeys(global)) if (!keys.has(key)) deleteProperty(global, key);
    const after = fingerprint();
    return before.length !== after.length || before.some((value, index) => value !== after[index] && value === value);
  };
`;

/**
 * A function of `module` and `exports` whose body is the script: that a script is run by calling it is what lets every
 * call begin anew. \`isNested\` is for scripts that declare one of these two with \`let\` or \`const\`.
 */
export function scriptFunction(script: string, { functions }: ScriptDialect, isNested: boolean): string {
  const { source, isModule, exported } = asFunctionBody(script);
  const given = new Map(functions.map(name => [name, name]));
  for (const { local, name } of exported) given.set(name, local);
  const members = [...given].map(([name, local]) => `${name}: typeof ${local} === "function" ? ${local} : undefined,`);
  const strict = isModule ? '"use strict";' : "";
  const body = `${isNested ? "return (() => {" : ""}${strict}`;
  const answer = `return { scope: { __proto__: null, ${members.join(" ")} }, shared: ${defaultExport} };`;
  return `(module, exports, ${defaultExport}) => { ${body}\n${source}\n;${answer}${isNested ? "})();" : ""} }`;
}

/**
 * Scripts that have what looks like a change of a built-in, as polyfills do. Those that do change one are left to, and each
 * of their calls has built-ins of its own; most find what they need and change nothing.
 */
export const mayChangeBuiltIns = (script: string): boolean => builtInChange.test(script);

/** Whether built-ins are frozen. */
export type Protection = "always" | "unless changed" | "never";

const builtIns =
  "(?:Array|ArrayBuffer|BigInt|Boolean|Buffer|DataView|Date|Error|Function|JSON|Map|Math|Number|Object|Promise|Reflect|RegExp|Set|String|Symbol|(?:Big)?(?:Ui|I)nt\\d+(?:Clamped)?Array|Float\\d+Array)";
const builtInChange = new RegExp(
  `\\b${builtIns}(?:\\s*\\.\\s*prototype)?\\s*(?:\\.\\s*\\w+|\\[[^\\]\\n]+\\])\\s*=(?![=>])|` +
    `\\b(?:define(?:Property|Properties)|assign|setPrototypeOf)\\s*\\(\\s*${builtIns}\\b(?!\\s*\\()|` +
    "\\b__define[GS]etter__\\b",
);
