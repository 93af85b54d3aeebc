import { Skeleton } from "@mantine/core";
import { lazy, Suspense } from "react";
import type { CodeEditorProps } from "./code-area.tsx";

const Area = lazy(() => import("./code-area.tsx"));

/** A place to write a script in. The editor is loaded when there is something to edit. */
export const CodeEditor = (props: CodeEditorProps) => (
  <Suspense fallback={<Skeleton h={props.height ?? 360} />}>
    <Area {...props} />
  </Suspense>
);
