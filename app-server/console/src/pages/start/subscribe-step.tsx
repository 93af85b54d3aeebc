import { Button, Code, Skeleton, Stack, Text } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { dataOf } from "../../../../../client/client.ts";
import { api } from "../../api/queries.ts";
import { TextView } from "../../parts/json-view.tsx";
import { PageButton, PageLink } from "../../parts/links.tsx";
import { ProblemNote } from "../../parts/problem.tsx";
import { StepEnd } from "./waiting.tsx";

export interface SubscribeStepProps {
  readonly applicationId: string;
  readonly devEui: string;
}

/** How a program of one's own gets the readings. */
export function SubscribeStep({ applicationId, devEui }: SubscribeStepProps) {
  const server = useQuery({ queryKey: ["server"], queryFn: async () => dataOf(await api.GET("/api/server")) });
  const make = useMutation({
    mutationFn: async () =>
      dataOf(
        await api.POST("/api/applications/{applicationId}/mqtt-credentials", {
          params: { path: { applicationId } },
          body: { isReadOnly: true },
        }),
      ),
  });
  if (server.isError) return <ProblemNote error={server.error} onRetry={() => void server.refetch()} />;
  if (server.data === undefined) return <Skeleton h={160} />;
  const { mqttPort } = server.data;
  return (
    <>
      {mqttPort === null ? (
        <Text>
          This server publishes to a broker of yours, under topics that begin with{" "}
          <Code>application/{applicationId}/</Code>.
        </Text>
      ) : (
        <Stack>
          <Text>
            Your program subscribes at the MQTT broker inside this server. It needs a login of the application; its
            password is shown this once.
          </Text>
          {make.isError && <ProblemNote title="No login was made" error={make.error} />}
          {make.data === undefined ? (
            <Button onClick={() => make.mutate()} loading={make.isPending} style={{ alignSelf: "flex-start" }}>
              Make a login
            </Button>
          ) : (
            <TextView
              label="line to subscribe"
              text={subscription(mqttPort, applicationId, make.data.username, make.data.password ?? "")}
            />
          )}
        </Stack>
      )}
      <Text size="sm" c="dimmed">
        Webhooks, databases and message queues are under{" "}
        <PageLink to="/integrations" underline="always">
          Integrations
        </PageLink>
        . Everything can be had over the <a href="/api/docs">REST API</a> too.
      </Text>
      <StepEnd>
        <PageButton to="/devices/$devEui" params={{ devEui }}>
          To the device
        </PageButton>
      </StepEnd>
    </>
  );
}

const subscription = (port: number, applicationId: string, username: string, password: string): string =>
  `mosquitto_sub -h ${location.hostname} -p ${port} -u ${username} -P '${password}' \\\n  -t 'application/${applicationId}/device/+/event/up'`;
