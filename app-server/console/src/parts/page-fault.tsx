import type { ErrorComponentProps } from "@tanstack/react-router";
import { ProblemNote } from "./problem.tsx";

/** A part of the console that is fetched when it is needed could not be. */
export class PageUnreachable extends TypeError {
  override readonly name = "PageUnreachable";
}

/**
 * What fetches a page, so that a failure is shown: the router by itself would load the whole console anew, from a server that
 * may not be there.
 */
export const fetched =
  <Module,>(load: () => Promise<Module>) =>
  (): Promise<Module> =>
    load().catch((cause: unknown) => {
      throw new PageUnreachable("a page could not be fetched", { cause });
    });

/** In the place of a page that cannot be shown. Loads the console anew once the server answers. */
export function PageFault({ error }: ErrorComponentProps) {
  const tryAgain = async (): Promise<void> => {
    const answer = await fetch("/healthz").catch(() => undefined);
    if (answer?.ok === true) location.reload();
  };
  return <ProblemNote error={error} title="This page could not be shown" onRetry={() => void tryAgain()} />;
}
