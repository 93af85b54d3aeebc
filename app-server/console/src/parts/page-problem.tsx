import { isProblem } from "../api/queries.ts";
import { PageHeader, type PageHeaderProps } from "./page-header.tsx";
import { ProblemNote } from "./problem.tsx";

export interface PageProblemProps extends Pick<PageHeaderProps, "above"> {
  readonly error: unknown;
  /** Of what the page is about: `Gateway`. */
  readonly kind: string;
  readonly onRetry: () => void;
}

/** In the place of the page of something that is not there, or that could not be had; leads back to the list. */
export const PageProblem = ({ error, kind, above = [], onRetry }: PageProblemProps) => (
  <>
    <PageHeader title={isProblem(error, 404) ? `${kind} not found` : kind} above={above} />
    <ProblemNote error={error} onRetry={onRetry} />
  </>
);
