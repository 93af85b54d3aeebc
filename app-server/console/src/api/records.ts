import { queryOptions } from "@tanstack/react-query";
import { dataOf, type Schemas } from "../../../../client/client.ts";
import { api } from "./queries.ts";

/** A record, and by which an update can tell whether somebody else has changed it since. */
export interface Tagged<Record> {
  readonly record: Record;
  readonly etag: string;
}

interface Answer<Record> {
  readonly data?: Record;
  readonly error?: Schemas["Problem"];
  readonly response: Response;
}

/** Throws ApiProblem. */
export const taggedOf = <Record>(answer: Answer<Record>): Tagged<NonNullable<Record>> => ({
  record: dataOf(answer),
  etag: answer.response.headers.get("etag") ?? "*",
});

export const tenantsQuery = queryOptions({
  queryKey: ["tenants", "choice"],
  queryFn: async () => dataOf(await api.GET("/api/tenants", { params: { query: { limit: 1000 } } })).items,
  staleTime: 60_000,
});

export const applicationQuery = (applicationId: string) =>
  queryOptions({
    queryKey: ["applications", applicationId],
    queryFn: async () =>
      taggedOf(await api.GET("/api/applications/{applicationId}", { params: { path: { applicationId } } })),
    staleTime: 30_000,
  });

export const profileQuery = (deviceProfileId: string) =>
  queryOptions({
    queryKey: ["device-profiles", deviceProfileId],
    queryFn: async () =>
      taggedOf(await api.GET("/api/device-profiles/{deviceProfileId}", { params: { path: { deviceProfileId } } })),
    staleTime: 30_000,
  });

export const deviceQuery = (devEui: string) =>
  queryOptions({
    queryKey: ["devices", devEui],
    queryFn: async () => taggedOf(await api.GET("/api/devices/{devEui}", { params: { path: { devEui } } })),
    staleTime: 30_000,
  });
