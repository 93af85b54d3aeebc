import { Code, List, Skeleton, Stack, Text, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { dataOf } from "../../../../../client/client.ts";
import { api } from "../../api/queries.ts";
import { TextView } from "../../parts/json-view.tsx";
import { Panel } from "../../parts/panel.tsx";
import { ProblemNote } from "../../parts/problem.tsx";

/** What to enter at the gateway, so that it finds this server. */
export function SetUp({ gatewayId }: { readonly gatewayId: string }) {
  const [address, setAddress] = useState(location.hostname);
  const server = useQuery({ queryKey: ["server"], queryFn: async () => dataOf(await api.GET("/api/server")) });
  if (server.isError) return <ProblemNote error={server.error} onRetry={() => void server.refetch()} />;
  if (server.isPending) return <Skeleton h={240} />;
  const port = server.data.gatewayUdpPort;
  const lines = {
    gateway_conf: {
      gateway_ID: gatewayId.toUpperCase(),
      server_address: address,
      serv_port_up: port,
      serv_port_down: port,
      keepalive_interval: 10,
      push_timeout_ms: 100,
      forward_crc_valid: true,
      forward_crc_error: false,
      forward_crc_disabled: false,
    },
  };
  return (
    <Stack>
      <Panel title="Semtech UDP packet forwarder">
        <Stack>
          <TextInput
            label="Address of this server"
            description="A name or address under which the gateway reaches it."
            value={address}
            onChange={event => setAddress(event.currentTarget.value)}
            maw={360}
          />
          <Text size="sm">
            Where the gateway's web page asks for a server, enter <Code>{address}</Code> and port <Code>{port}</Code>,
            up and down. Where there is a file, often <Code>/etc/lora/global_conf.json</Code> or{" "}
            <Code>local_conf.json</Code>, these are the lines:
          </Text>
          <TextView label="global_conf.json" text={JSON.stringify(lines, undefined, 2)} />
        </Stack>
      </Panel>
      <Panel title="If it does not come online">
        <List size="sm" spacing={4}>
          <List.Item>UDP port {port} has to be open from the gateway to this machine.</List.Item>
          <List.Item>
            The EUI in the file has to be <Code>{gatewayId}</Code>: many images ship with one and the same.
          </List.Item>
          <List.Item>An address outside of its source rule is refused: see Settings.</List.Item>
          <List.Item>The radio channels in the file have to be those of your region.</List.Item>
        </List>
      </Panel>
    </Stack>
  );
}
