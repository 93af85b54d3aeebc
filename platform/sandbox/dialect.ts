/**
 * One kind of script: what it finds in the sandbox, which functions it has and how they are called. Sources are JavaScript
 * that runs inside the sandbox.
 */
export interface ScriptDialect {
  /** Of the script in its error messages. */
  readonly fileName: string;
  /** Evaluated before scripts that have the word. */
  readonly extras: readonly { readonly word: string; readonly source: string }[];
  /** Names of the functions that a script may declare or export. */
  readonly functions: readonly string[];
  /**
   * An expression that gives a function of `{ settled, isObject, isArray }`, which gives operations by name: functions of
   * the script's functions and the call's input. It runs before the script, so that a script which replaces `JSON` or
   * `Object` only confuses itself. `settled(name, value)` throws for a promise and for nothing.
   */
  readonly operations: string;
}

/** Evaluated before a script: `console` says nothing, and `module.exports` takes functions of CommonJS-style scripts. */
export const prelude = `
var module = { exports: {} };
var exports = module.exports;
var console = (function () {
  var silent = function () {};
  return { log: silent, info: silent, warn: silent, error: silent, debug: silent, trace: silent };
})();
`;

/**
 * Gives a function that takes the script's functions and gives `call(operation, inputJson)`, which answers JSON:
 * `{"result": ...}` or `{"failure": "message"}`.
 */
export const harnessOf = ({ operations }: ScriptDialect): string => `
(function () {
  "use strict";
  const parse = JSON.parse, stringify = JSON.stringify, isArray = Array.isArray, Text = String;
  const describe = error => {
    try {
      if (error && typeof error === "object" && "message" in error) {
        const name = error.name ? Text(error.name) + ": " : "";
        const line = /:(\\d+)(?::\\d+)?\\)/.exec(Text(error.stack || ""));
        return name + Text(error.message) + (line ? " (line " + line[1] + ")" : "");
      }
      return Text(error);
    } catch {
      return "threw something that has no text";
    }
  };
  const isObject = value => typeof value === "object" && value !== null;
  const settled = (name, value) => {
    if (isObject(value) && typeof value.then === "function") {
      throw new TypeError(name + " returned a promise: it has to answer at once");
    }
    if (value === undefined) throw new TypeError(name + " returned nothing");
    return value;
  };
  const operations = (${operations})({ settled, isObject, isArray });
  return functions => (operation, inputJson) => {
    try {
      const json = stringify({ result: operations[operation](functions, parse(inputJson)) });
      return typeof json === "string" ? json : stringify({ failure: "the answer cannot be written as JSON" });
    } catch (error) {
      return stringify({ failure: describe(error) });
    }
  };
})()
`;

/** Evaluated after the script, in its scope: `const` and `function` declarations are found as well as exports. */
export const functionsOfScript = ({ functions }: ScriptDialect): string => {
  const members = functions.map(
    name =>
      `${name}: typeof ${name} === "function" ? ${name} : (module.exports || {}).${name} || (exports || {}).${name},`,
  );
  return `({ __proto__: null, ${members.join("\n")} })`;
};
