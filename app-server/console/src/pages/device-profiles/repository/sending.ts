import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { dataOf, type Schemas } from "../../../../../../client/client.ts";
import { sendImport } from "../../../api/imports.ts";
import { api } from "../../../api/queries.ts";
import type { FoundProfile } from "./reading.ts";

const mostFaults = 1000;

interface SentProfiles {
  readonly outcome: Schemas["Import"];
  /** What was not taken, with the profile of that line. */
  readonly faults: readonly { readonly profile: FoundProfile | undefined; readonly message: string }[];
}

export interface ProfileOrder {
  readonly profiles: readonly FoundProfile[];
  readonly tenantId: string;
  readonly onExisting: string;
  readonly isDryRun: boolean;
}

async function send({ profiles, tenantId, onExisting, isDryRun }: ProfileOrder, key: string): Promise<SentProfiles> {
  const file = new Blob(profiles.map(({ record }) => `${JSON.stringify(record)}\n`));
  const query = { tenantId, format: "json", onExisting, key, dryRun: String(isDryRun), size: String(file.size) };
  const outcome = await sendImport({ kind: "device-profiles", query, file });
  if (outcome.faults === 0) return { outcome, faults: [] };
  const params = { path: { importId: outcome.id }, query: { limit: mostFaults } };
  const { items } = dataOf(await api.GET("/api/imports/{importId}/faults", { params }));
  const faults = items.map(({ line, column, message }) => ({
    profile: profiles[line - 1],
    message: column === null ? message : `${column}: ${message}`,
  }));
  return { outcome, faults };
}

/** Sends profiles, and tells how far the server is with them. */
export function useSending() {
  const queries = useQueryClient();
  const [key, setKey] = useState("");
  const sending = useMutation({
    mutationFn: (order: ProfileOrder) => {
      // Not crypto.randomUUID: that is only there where the page came over TLS.
      const fresh = `console-${Array.from(crypto.getRandomValues(new Uint32Array(4)), part => part.toString(36)).join("")}`;
      setKey(fresh);
      return send(order, fresh);
    },
    onSettled: () =>
      Promise.all([["imports"], ["device-profiles"]].map(queryKey => queries.invalidateQueries({ queryKey }))),
  });
  const progress = useQuery({
    queryKey: ["imports", "progress", key],
    queryFn: async () =>
      dataOf(await api.GET("/api/imports", { params: { query: { key, limit: 1 } } })).items[0] ?? null,
    enabled: sending.isPending && key !== "",
    refetchInterval: 700,
  });
  return { sending, dealtWith: progress.data?.position ?? 0 };
}
