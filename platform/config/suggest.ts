const plain = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, "");

/** Levenshtein's. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let line = 1; line <= from.length; line += 1) {
    const next = [line];
    for (let column = 1; column <= to.length; column += 1) {
      const change = from[line - 1] === to[column - 1] ? 0 : 1;
      const [above = 0, left = 0, corner = 0] = [row[column], next[column - 1], row[column - 1]];
      next.push(Math.min(above + 1, left + 1, corner + change));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}

/** The name that was probably meant, whatever its case and separators; undefined when none is near. */
function nearest(name: string, names: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(plain(name).length / 3)) + 1;
  for (const candidate of names) {
    const candidateDistance = distance(plain(name), plain(candidate));
    if (candidateDistance < bestDistance) [best, bestDistance] = [candidate, candidateDistance];
  }
  return best;
}

export function didYouMean(name: string, names: Iterable<string>): string {
  const suggestion = nearest(name, names);
  return suggestion === undefined ? "" : `; did you mean ${suggestion}?`;
}
