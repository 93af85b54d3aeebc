import { Badge, Table, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { TimeAgo } from "../../parts/time-ago.tsx";

export interface Login {
  readonly id: string;
  readonly address: string;
  readonly userAgent: string;
  readonly createdAt: string;
  readonly lastUsedAt: string;
  readonly isCurrent: boolean;
}

interface LoginTableProps {
  readonly logins: readonly Login[];
  /** What can be done about one. */
  readonly action?: (login: Login) => ReactNode;
}

/** Logins that hold. */
export function LoginTable({ logins, action }: LoginTableProps) {
  return (
    <Table.ScrollContainer minWidth={480}>
      <Table aria-label="Logins" className="stacked">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>From</Table.Th>
            <Table.Th>Since</Table.Th>
            <Table.Th>Last used</Table.Th>
            {action && <Table.Th aria-label="Actions" />}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {logins.map(login => (
            <Table.Tr key={login.id}>
              <Table.Td maw={320}>
                <Text size="sm" className="mono">
                  {login.address} {login.isCurrent && <Badge color="teal">this one</Badge>}
                </Text>
                <Text size="xs" c="dimmed" truncate title={login.userAgent}>
                  {login.userAgent}
                </Text>
              </Table.Td>
              <Table.Td>
                <TimeAgo time={login.createdAt} />
              </Table.Td>
              <Table.Td>
                <TimeAgo time={login.lastUsedAt} />
              </Table.Td>
              {action && <Table.Td ta="right">{action(login)}</Table.Td>}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
