import { Alert, Button, Group, Table, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconAntenna } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { dataOf, type Schemas } from "../../../../../client/client.ts";
import { api } from "../../api/queries.ts";
import { Dialog } from "../../parts/dialog.tsx";
import { wholeNumber } from "../../parts/numbers.ts";
import { TimeAgo } from "../../parts/time-ago.tsx";
import { GatewayFields } from "./add.tsx";

type Status = Schemas["GatewayStatus"];

interface UnknownGatewaysProps {
  readonly tenantId: string | undefined;
  readonly mayAdopt: boolean;
}

/** Gateways that are heard and belong to nobody: each can be taken in with what is known of it. */
export function UnknownGateways({ tenantId, mayAdopt }: UnknownGatewaysProps) {
  const [isOpen, { open, close }] = useDisclosure(false);
  const [adopted, setAdopted] = useState<Status>();
  const unknown = useQuery({
    queryKey: ["gateways", "unknown"],
    queryFn: async () => dataOf(await api.GET("/api/gateways/unknown")).items,
    refetchInterval: 15_000,
  });
  const found = unknown.data ?? [];
  if (found.length === 0 && adopted === undefined) return null;
  const end = (): void => {
    setAdopted(undefined);
    close();
  };
  return (
    <>
      <Alert color="blue" icon={<IconAntenna size={18} />} mb="sm">
        <Group justify="space-between" gap="xs">
          {found.length === 1
            ? "A gateway is heard that is not registered."
            : `${wholeNumber(found.length)} gateways are heard that are not registered.`}
          <Button size="xs" variant="light" aria-haspopup="dialog" onClick={open}>
            Show
          </Button>
        </Group>
      </Alert>
      <Dialog
        opened={isOpen}
        onClose={end}
        title={adopted ? "Adopt gateway" : "Gateways that are not registered"}
        size="lg"
      >
        {adopted === undefined ? (
          <UnknownTable found={found} onAdopt={mayAdopt ? setAdopted : undefined} />
        ) : (
          <GatewayFields
            tenantId={tenantId ?? ""}
            gatewayId={adopted.gatewayId}
            location={adopted.location}
            onEnd={end}
          />
        )}
      </Dialog>
    </>
  );
}

interface UnknownTableProps {
  readonly found: readonly Status[];
  readonly onAdopt: ((gateway: Status) => void) | undefined;
}

function UnknownTable({ found, onAdopt }: UnknownTableProps) {
  return (
    <>
      <Text size="sm" c="dimmed" mb="sm">
        They get no answer, and nothing that they hear is used. Adopt those that are yours.
      </Text>
      <Table.ScrollContainer minWidth={480}>
        <Table aria-label="Gateways that are not registered" className="stacked">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>EUI</Table.Th>
              <Table.Th>From</Table.Th>
              <Table.Th>Heard</Table.Th>
              <Table.Th aria-label="Adopt" />
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {found.map(gateway => (
              <Table.Tr key={gateway.gatewayId}>
                <Table.Td className="mono">{gateway.gatewayId}</Table.Td>
                <Table.Td className="mono">{gateway.remoteAddress}</Table.Td>
                <Table.Td>
                  <TimeAgo time={gateway.lastSeenAt} />
                </Table.Td>
                <Table.Td ta="right">
                  {onAdopt && (
                    <Button size="xs" aria-label={`Adopt ${gateway.gatewayId}`} onClick={() => onAdopt(gateway)}>
                      Adopt
                    </Button>
                  )}
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </>
  );
}
