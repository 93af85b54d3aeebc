import { Button, Group, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { dataOf } from "../../../../../client/client.ts";
import { api } from "../../api/queries.ts";
import { useMe } from "../../api/session.ts";
import { ProblemNote } from "../../parts/problem.tsx";
import { TimeAgo } from "../../parts/time-ago.tsx";
import { SetUp } from "../gateways/set-up.tsx";
import type { Progress } from "./steps.ts";
import { StepEnd, Waiting } from "./waiting.tsx";

export interface HeardStepProps {
  readonly gatewayId: string;
  readonly onGo: (part: Progress) => void;
}

const pollMs = 2_000;

/** What to enter at the gateway, and whether it has come. */
export function HeardStep({ gatewayId, onGo }: HeardStepProps) {
  const status = useQuery({
    queryKey: ["gateways", gatewayId, "first-packet"],
    queryFn: async () => dataOf(await api.GET("/api/gateways/{gatewayId}/status", { params: { path: { gatewayId } } })),
    refetchInterval: pollMs,
  });
  const isThere = status.data?.state === "online";
  return (
    <>
      {status.isError && <ProblemNote error={status.error} onRetry={() => void status.refetch()} />}
      <Waiting
        title={isThere ? "The gateway is here." : `Waiting for the first packet of ${gatewayId}`}
        isThere={isThere}
        checks={[
          "The gateway has to be restarted after a change of its settings, and have a way to this machine.",
          "A firewall on the way, or on this machine, may keep UDP back.",
          "The EUI in the gateway's own settings may be another than the one that is registered: then it shows above.",
        ]}
      >
        {isThere && (
          <Text size="sm">
            Last heard <TimeAgo time={status.data?.lastSeenAt} /> from {status.data?.remoteAddress}.
          </Text>
        )}
        {status.data?.state === "offline" && (
          <Text size="sm">
            It was here, last <TimeAgo time={status.data.lastSeenAt} />, and is silent now.
          </Text>
        )}
        {!isThere && <Strangers onGo={onGo} />}
      </Waiting>
      {!isThere && <SetUp gatewayId={gatewayId} />}
      <StepEnd>
        <Button onClick={() => onGo({ step: 3 })} variant={isThere ? "filled" : "default"}>
          {isThere ? "Continue" : "Continue without it"}
        </Button>
      </StepEnd>
    </>
  );
}

/** A gateway that knocks and is not registered is often the one that is waited for. */
function Strangers({ onGo }: Pick<HeardStepProps, "onGo">) {
  const me = useMe();
  const unknown = useQuery({
    queryKey: ["gateways", "unknown"],
    queryFn: async () => dataOf(await api.GET("/api/gateways/unknown")).items,
    refetchInterval: pollMs,
    enabled: me.isAdministrator,
  });
  return (unknown.data ?? []).slice(0, 3).map(({ gatewayId, remoteAddress }) => (
    <Group key={gatewayId} gap="xs" mt={4}>
      <Text size="sm">
        <span className="mono">{gatewayId}</span> is heard from {remoteAddress}, and is not registered.
      </Text>
      <Button size="compact-xs" variant="light" onClick={() => onGo({ step: 1 })}>
        Register that one
      </Button>
    </Group>
  ));
}
