import { QueryCache, QueryClient } from "@tanstack/react-query";
import createFetchClient from "openapi-fetch";
import { ApiProblem, type Problem } from "../../../../client/client.ts";
import type { paths } from "../../../../client/openapi.d.ts";

/**
 * The API of the server that the page came from. The login is in a cookie; the header is what a page of another site cannot
 * send along.
 */
export const api = createFetchClient<paths>({ headers: { "X-Requested-With": "console" }, credentials: "same-origin" });

/** For an answer without content. Throws ApiProblem. */
export function done({ error }: { readonly error?: Problem }): void {
  if (error !== undefined) throw new ApiProblem(error);
}

export const isProblem = (error: unknown, status: number): boolean =>
  error instanceof ApiProblem && error.problem.status === status;

/** What to show of an error, whatever it is. */
export function textOf(error: unknown): string {
  if (error instanceof ApiProblem) return error.problem.detail;
  // What fetch throws without an answer.
  if (error instanceof TypeError) return "The server cannot be reached.";
  return error instanceof Error ? error.message : String(error);
}

/** Faults of the members of a request's body, for the fields of a form: `{ name: "must not have fewer than 1 characters" }`. */
export function faultsOf(error: unknown): Readonly<Record<string, string>> {
  if (!(error instanceof ApiProblem)) return {};
  const faults = error.problem.errors?.map(({ path, message }) => [path.split("/")[2] ?? "", message] as const);
  return Object.fromEntries(faults?.reverse() ?? []);
}

/** The same by the whole path below the body: `{ "settings/url": "must be an address" }`. */
export function faultPathsOf(error: unknown): Readonly<Record<string, string>> {
  if (!(error instanceof ApiProblem)) return {};
  const faults = error.problem.errors?.map(
    ({ path, message }) => [path.split("/").slice(2).join("/"), message] as const,
  );
  return Object.fromEntries(faults?.reverse() ?? []);
}

export const queryClient: QueryClient = new QueryClient({
  queryCache: new QueryCache({
    // A login that has ended shows at whatever is asked next.
    onError: (error, { queryKey }) => {
      if (isProblem(error, 401) && queryKey[0] !== "me") void queryClient.invalidateQueries({ queryKey: ["me"] });
    },
  }),
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      // Only silence is worth asking again; what the server refuses once it refuses again.
      retry: (count, error) => !(error instanceof ApiProblem) && count < 3,
      throwOnError: false,
    },
  },
});
