import { useQuery } from "@tanstack/react-query";
import { createContext, type ReactNode, use, useState } from "react";
import { dataOf } from "../../../../../client/client.ts";
import { type LiveEvent, useStream } from "../../api/live.ts";
import { type Members, membersOf, numberOfMember, textOfMember } from "../../api/members.ts";
import { api } from "../../api/queries.ts";

type EventKind = "up" | "join" | "ack" | "txack" | "log" | "status" | "location";

/** What happened to a device, from the history or just now. */
export interface DeviceEvent {
  readonly id: string;
  readonly kind: string;
  /** RFC 3339. */
  readonly time: string;
  readonly content: Members;
}

/** By which two deliveries of an event are known to be one. */
function identityOf(kind: string, content: Members): string {
  const { deduplicationId, downlinkId, context, code, queueItemId } = content;
  const id =
    textOfMember(deduplicationId) ??
    numberOfMember(downlinkId)?.toString() ??
    textOfMember(membersOf(context).deduplication_id) ??
    "";
  return [kind, id, textOfMember(code) ?? "", textOfMember(queueItemId) ?? ""].join(" ");
}

function eventOf({ kind, content }: Pick<LiveEvent, "kind" | "content">): DeviceEvent {
  const members = membersOf(content);
  const time = textOfMember(members.time) ?? new Date().toISOString();
  return { id: identityOf(kind, members), kind, time, content: members };
}

const mostKept = 500;
const Came = createContext<readonly DeviceEvent[]>([]);

export interface DeviceStreamProps {
  readonly devEui: string;
  readonly onEvent: () => void;
  readonly children: ReactNode;
}

/** Opens the device's stream for everything on its page. */
export function DeviceStream({ devEui, onEvent, children }: DeviceStreamProps) {
  const [came, setCame] = useState<readonly DeviceEvent[]>([]);
  useStream(`/api/events?devEui=${devEui}`, live => {
    if (live.kind === "gap" || live.kind === "end") return;
    const event = eventOf(live);
    setCame(known => [event, ...known].slice(0, mostKept));
    onEvent();
  });
  return <Came.Provider value={came}>{children}</Came.Provider>;
}

export interface EventChoice {
  readonly kinds: readonly EventKind[];
  /** Of `log` events. */
  readonly code?: string;
  readonly limit?: number;
}

/** Events of a device, newest first: those of the history, and those that came since the page was opened. */
export function useDeviceEvents(devEui: string, { kinds, code, limit = 200 }: EventChoice) {
  const came = use(Came);
  const past = useQuery({
    queryKey: ["devices", devEui, "events", kinds, code, limit],
    queryFn: async () =>
      dataOf(
        await api.GET("/api/devices/{devEui}/events", {
          params: { path: { devEui }, query: { kind: [...kinds], limit, ...(code !== undefined && { code }) } },
        }),
      ).items.map(eventOf),
  });
  const isChosen = ({ kind, content }: DeviceEvent): boolean =>
    kinds.some(known => known === kind) && (code === undefined || content.code === code);
  const fresh = came.filter(isChosen);
  const known = new Set(fresh.map(({ id }) => id));
  const events = [...fresh, ...(past.data ?? []).filter(({ id }) => !known.has(id))];
  return { events, past };
}
