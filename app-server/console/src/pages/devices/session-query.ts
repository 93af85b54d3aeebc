import { queryOptions } from "@tanstack/react-query";
import { dataOf, type Schemas } from "../../../../../client/client.ts";
import { api, isProblem } from "../../api/queries.ts";

/** The device's session; null before it has one. */
export const sessionQuery = (devEui: string) =>
  queryOptions({
    queryKey: ["devices", devEui, "session"],
    queryFn: async (): Promise<Schemas["Session"] | null> => {
      try {
        return dataOf(await api.GET("/api/devices/{devEui}/activation", { params: { path: { devEui } } }));
      } catch (error) {
        if (isProblem(error, 404)) return null;
        throw error;
      }
    },
  });
