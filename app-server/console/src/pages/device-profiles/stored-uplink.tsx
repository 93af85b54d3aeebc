import { Group, Select } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { dataOf } from "../../../../../client/client.ts";
import { bytesOfBase64, hexOf } from "../../api/bytes.ts";
import { membersOf, numberOfMember, textOfMember } from "../../api/members.ts";
import { api } from "../../api/queries.ts";

export interface StoredUplinkProps {
  readonly profileId: string;
  readonly onChosen: (uplink: { readonly fPort: number; readonly bytes: string }) => void;
}

const listedDevices = 50;
const listedUplinks = 30;

/** Bytes that a device of the profile has really sent. */
export function StoredUplink({ profileId, onChosen }: StoredUplinkProps) {
  const [devEui, setDevEui] = useState<string | null>(null);
  const devices = useQuery({
    queryKey: ["devices", "choice", profileId],
    queryFn: async () =>
      dataOf(await api.GET("/api/devices", { params: { query: { deviceProfileId: profileId, limit: listedDevices } } }))
        .items,
  });
  const uplinks = useQuery({
    queryKey: ["devices", devEui, "events", "for-codec"],
    queryFn: () => readUplinks(devEui ?? ""),
    enabled: devEui !== null,
  });
  if (devices.data?.length === 0) return null;
  return (
    <Group grow align="flex-end">
      <Select
        label="What a device sent"
        placeholder="Device"
        searchable
        clearable
        data={devices.data?.map(device => ({ value: device.devEui, label: device.name })) ?? []}
        value={devEui}
        onChange={setDevEui}
      />
      <Select
        label="Uplink"
        placeholder={uplinks.data?.length === 0 ? "None in the history" : "Uplink"}
        disabled={devEui === null}
        data={uplinks.data?.map(({ id, label }) => ({ value: id, label })) ?? []}
        onChange={id => {
          const chosen = uplinks.data?.find(uplink => uplink.id === id);
          if (chosen !== undefined) onChosen(chosen);
        }}
      />
    </Group>
  );
}

async function readUplinks(devEui: string) {
  const query = { kind: ["up" as const], limit: listedUplinks };
  const { items } = dataOf(await api.GET("/api/devices/{devEui}/events", { params: { path: { devEui }, query } }));
  return items.flatMap(({ id, time, content }) => {
    const { fCnt, fPort, data } = membersOf(content);
    const port = numberOfMember(fPort) ?? 0;
    const base64 = textOfMember(data);
    if (port === 0 || base64 === undefined) return [];
    const label = `${numberOfMember(fCnt) ?? "?"}, port ${port}, ${new Date(time).toLocaleString()}`;
    return [{ id, label, fPort: port, bytes: hexOf(bytesOfBase64(base64)) }];
  });
}
