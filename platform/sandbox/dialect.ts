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
   * An expression that gives a function of `{ settled, isObject, isArray, textOfFailure }`, which gives operations by name:
   * functions of the script's functions and the call's input. It runs before the script, so that a script which replaces
   * `JSON` or `Object` only confuses itself. `settled(name, value)` throws for a promise and for nothing. Besides them every
   * script has `load`, which runs its top level alone and gives the names of its functions.
   */
  readonly operations: string;
}
