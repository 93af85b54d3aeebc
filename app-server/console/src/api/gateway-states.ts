import { dataOf } from "../../../../client/client.ts";
import type { Position } from "../parts/map-shape.ts";
import { api } from "./queries.ts";

/** A gateway with where it is and whether it is there. */
export type GatewayState = Awaited<ReturnType<typeof readStates>>["items"][number];

const readStates = async (tenantId: string | undefined, after?: string) =>
  dataOf(
    await api.GET("/api/gateways/states", {
      params: {
        query: {
          limit: 1000,
          ...(tenantId !== undefined && { tenantId }),
          ...(after !== undefined && { after }),
        },
      },
    }),
  );

/** Enough for a map; more dots than that nobody tells apart. */
const mostOnMap = 10_000;

/** Every gateway that one sees, for a map. */
export const gatewayStatesQuery = (tenantId: string | undefined) => ({
  queryKey: ["gateways", tenantId, "map"],
  queryFn: async (): Promise<readonly GatewayState[]> => {
    const all: GatewayState[] = [];
    let after: string | undefined;
    do {
      const page = await readStates(tenantId, after);
      all.push(...page.items);
      after = page.next;
    } while (after !== undefined && all.length < mostOnMap);
    return all;
  },
  refetchInterval: 30_000,
});

export const stateColors = { online: "teal", offline: "red", "never-seen": "gray" } as const;
export const stateNames = { online: "online", offline: "offline", "never-seen": "never seen" } as const;

/** Those that are somewhere, as a map takes them. */
export const positionsOf = (gateways: readonly GatewayState[]): readonly Position[] =>
  gateways.flatMap(({ gatewayId, name, state, location }) =>
    location === null
      ? []
      : [
          {
            id: gatewayId,
            label: name,
            latitude: location.latitude,
            longitude: location.longitude,
            color: stateColors[state],
            state: stateNames[state],
            to: `/gateways/${gatewayId}`,
          },
        ],
  );
