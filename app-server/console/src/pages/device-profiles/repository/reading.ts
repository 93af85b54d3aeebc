import { useEffect, useRef, useState } from "react";
import type { Finding } from "../../../../../../profile-sources/source.ts";
import { type Repository, sourceOf } from "./folder.ts";

export type FoundProfile = Extract<Finding, { readonly kind: "profile" }>;

/** Something that is not taken, or not wholly, and the file that says so. */
export interface Remark {
  readonly kind: "skipped" | "note";
  readonly what: string;
  readonly path: string | undefined;
  readonly text: string;
}

export interface Reading {
  readonly profiles: readonly FoundProfile[];
  readonly remarks: readonly Remark[];
  readonly vendorsRead: number;
  readonly isOver: boolean;
  readonly error?: unknown;
}

const nothing: Reading = { profiles: [], remarks: [], vendorsRead: 0, isOver: false };
const shownEveryMs = 200;

const remarksOf = (finding: Finding): readonly Remark[] =>
  finding.kind === "skipped"
    ? [{ kind: "skipped", what: finding.what, path: finding.path, text: finding.why }]
    : finding.notes.map(text => ({ kind: "note", what: finding.what, path: finding.path, text }));

/** Reads a repository, file by file, as long as it is the one that is shown. */
export function useReading(repository: Repository | undefined): Reading {
  const [reading, setReading] = useState(nothing);
  const current = useRef(repository);
  useEffect(() => {
    current.current = repository;
    setReading(nothing);
    if (repository === undefined) return;
    read(repository, setReading, () => current.current === repository).catch((error: unknown) =>
      setReading({ ...nothing, isOver: true, error }),
    );
    return () => {
      current.current = undefined;
    };
  }, [repository]);
  return reading;
}

async function read(
  { format, checkout }: Repository,
  show: (reading: Reading) => void,
  isWanted: () => boolean,
): Promise<void> {
  const source = await sourceOf(format);
  const profiles: FoundProfile[] = [];
  const remarks: Remark[] = [];
  const vendors = new Set<string>();
  let shownAt = performance.now();
  for await (const finding of source(checkout, { vendors: [], regions: [] })) {
    if (!isWanted()) return;
    if (finding.kind === "profile") profiles.push(finding);
    remarks.push(...remarksOf(finding));
    vendors.add(finding.what.split("/")[0] ?? "");
    if (performance.now() - shownAt < shownEveryMs) continue;
    shownAt = performance.now();
    show({ profiles: [...profiles], remarks: [...remarks], vendorsRead: vendors.size, isOver: false });
    // The page may paint.
    await new Promise(resolve => setTimeout(resolve));
  }
  if (isWanted()) show({ profiles, remarks, vendorsRead: vendors.size, isOver: true });
}
