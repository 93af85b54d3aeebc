/** A script without the words of ES modules: statements for the body of a function, each where it stood. */
export interface FunctionBody {
  readonly source: string;
  /** It was an ES module, whose code is strict. */
  readonly isModule: boolean;
  /** Of `export { local as name }`. */
  readonly exported: readonly { readonly local: string; readonly name: string }[];
}

/** The variable that takes what a module exports by default. */
export const defaultExport = "$default";

const exportWord =
  /(^|[;}])([ \t]*)export\b(?:([ \t]+default)\b(?![ \t]+(?:async[ \t]+)?(?:function|class)\b[ \t*]*[\w$])|[ \t]+default\b)?/gm;
const exportList = /(^|[;}])([ \t]*)export\s*\{([^{}]*)\}([ \t]*;)?(?!\s*from\b)/gm;
/** The one module that there is to import is at hand without. */
const bufferImport = /^[ \t]*import\s*\{\s*Buffer\s*\}\s*from\s*(["'])(?:node:)?buffer\1[ \t]*;?/gm;

/**
 * Scripts start anew at each call, which modules cannot, so their `export`s are blanked out: lines and columns stay as they
 * are. What cannot be told by its words alone is left for the parser to refuse.
 */
export function asFunctionBody(script: string): FunctionBody {
  const exported: { local: string; name: string }[] = [];
  const withoutLists = script.replace(exportList, (text, before: string, _space: string, list: string) => {
    for (const entry of list.split(",")) {
      const [, local, name = local] = /^\s*([\w$]+)(?:\s+as\s+([\w$]+))?\s*$/.exec(entry) ?? [];
      if (local !== undefined && name !== undefined) exported.push({ local, name });
    }
    return before + blank(text.slice(before.length));
  });
  const source = withoutLists
    .replace(exportWord, (text, before: string, _space: string, takesDefault?: string) =>
      takesDefault === undefined
        ? before + blank(text.slice(before.length))
        : `${before}${`${defaultExport} `.padEnd(text.length - before.length - 1)}=`,
    )
    .replace(bufferImport, blank);
  return { source, isModule: source !== script, exported };
}

const blank = (text: string): string => text.replace(/[^\n\r]/g, " ");
