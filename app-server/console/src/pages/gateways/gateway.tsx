import { Skeleton } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { dataOf } from "../../../../../client/client.ts";
import { api } from "../../api/queries.ts";
import { Copyable } from "../../parts/copyable.tsx";
import { PageHeader } from "../../parts/page-header.tsx";
import { ProblemNote } from "../../parts/problem.tsx";

export function GatewayPage() {
  const { gatewayId } = useParams({ from: "/inside/gateways/$gatewayId" });
  const gateway = useQuery({
    queryKey: ["gateways", gatewayId],
    queryFn: async () => dataOf(await api.GET("/api/gateways/{gatewayId}", { params: { path: { gatewayId } } })),
  });
  if (gateway.isError) return <ProblemNote error={gateway.error} onRetry={() => void gateway.refetch()} />;
  if (!gateway.data) return <Skeleton h={40} w={300} />;
  return (
    <PageHeader title={gateway.data.name} above={[{ label: "Gateways", to: "/gateways" }]}>
      <Copyable value={gatewayId} label="EUI" />
    </PageHeader>
  );
}
