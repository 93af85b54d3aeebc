import { Badge, Group, Select, Skeleton, Stack, Table, Text, TextInput } from "@mantine/core";
import { IconPlus, IconUsers } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { dataOf } from "../../../../../client/client.ts";
import { api, done } from "../../api/queries.ts";
import { useMe } from "../../api/session.ts";
import { ConfirmButton } from "../../parts/confirm.tsx";
import { Empty } from "../../parts/empty.tsx";
import { FormActions, FormButton } from "../../parts/form.tsx";
import { counted } from "../../parts/numbers.ts";
import { ProblemNote } from "../../parts/problem.tsx";
import { ApplicationsLimit } from "./applications-limit.tsx";
import { isLimitable, type Role, roles } from "./roles.ts";

interface MembersProps {
  readonly tenantId: string;
  readonly isGovernor: boolean;
}

const membersQuery = (tenantId: string) => ({
  queryKey: ["tenants", tenantId, "users"],
  queryFn: async () => dataOf(await api.GET("/api/tenants/{tenantId}/users", { params: { path: { tenantId } } })).items,
});

/** Who may do what in a tenant. */
export function Members({ tenantId, isGovernor }: MembersProps) {
  const queries = useQueryClient();
  const members = useQuery(membersQuery(tenantId));
  if (members.isError) return <ProblemNote error={members.error} onRetry={() => void members.refetch()} />;
  if (members.isPending) return <Skeleton h={200} />;
  return (
    <Stack>
      {isGovernor && (
        <Group justify="flex-end">
          <FormButton label="Give a user a role" leftSection={<IconPlus size={16} />}>
            {close => <GrantForm tenantId={tenantId} onEnd={close} />}
          </FormButton>
        </Group>
      )}
      {members.data.length === 0 ? (
        <Empty icon={IconUsers} title="Nobody has a role here yet">
          Administrators see and change every tenant all the same.
        </Empty>
      ) : (
        <Table.ScrollContainer minWidth={520}>
          <Table aria-label="Users" className="stacked">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Email</Table.Th>
                <Table.Th>Role</Table.Th>
                <Table.Th>Reaches</Table.Th>
                <Table.Th aria-label="Actions" />
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {members.data.map(({ userId, email, role, applicationIds }) => (
                <Table.Tr key={userId}>
                  <Table.Td style={{ overflowWrap: "anywhere" }}>{email}</Table.Td>
                  <Table.Td>
                    <Badge>{role}</Badge>
                  </Table.Td>
                  <Table.Td>
                    {applicationIds === null ? "the whole tenant" : counted(applicationIds.length, "application")}
                  </Table.Td>
                  <Table.Td>
                    {isGovernor && (
                      <Group gap="xs" justify="flex-end" wrap="nowrap">
                        <FormButton label="Change" title={`Role of ${email}`} size="xs" variant="default">
                          {close => (
                            <GrantForm
                              tenantId={tenantId}
                              known={{ userId, email, role, applicationIds }}
                              onEnd={close}
                            />
                          )}
                        </FormButton>
                        <ConfirmButton
                          label="Remove"
                          title={`Take ${email} out of the tenant?`}
                          yes="Remove"
                          button={{ size: "xs" }}
                          action={async () => {
                            const path = { tenantId, userId };
                            done(await api.DELETE("/api/tenants/{tenantId}/users/{userId}", { params: { path } }));
                            await queries.invalidateQueries({ queryKey: ["tenants", tenantId] });
                          }}
                        >
                          The user stays, and loses what the role allows here.
                        </ConfirmButton>
                      </Group>
                    )}
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
    </Stack>
  );
}

interface GrantFormProps {
  readonly tenantId: string;
  readonly known?: {
    readonly userId: string;
    readonly email: string;
    readonly role: Role;
    readonly applicationIds: readonly string[] | null;
  };
  readonly onEnd: () => void;
}

function GrantForm({ tenantId, known, onEnd }: GrantFormProps) {
  const me = useMe();
  const queries = useQueryClient();
  const [userId, setUserId] = useState(known?.userId ?? "");
  const [role, setRole] = useState<Role>(known?.role ?? "viewer");
  const [applicationIds, setApplicationIds] = useState<readonly string[]>(known?.applicationIds ?? []);
  const users = useQuery({
    queryKey: ["users", "choice"],
    queryFn: async () => dataOf(await api.GET("/api/users", { params: { query: { limit: 1000 } } })).items,
    enabled: me.isAdministrator && known === undefined,
  });
  const save = useMutation({
    mutationFn: async () => {
      const limit = isLimitable(role) && applicationIds.length > 0 ? [...applicationIds] : null;
      const params = { path: { tenantId, userId: userId.trim() } };
      const body = { role, applicationIds: limit };
      done(await api.PUT("/api/tenants/{tenantId}/users/{userId}", { params, body }));
    },
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["tenants", tenantId] });
      onEnd();
    },
  });
  return (
    <form
      noValidate
      onSubmit={event => {
        event.preventDefault();
        save.mutate();
      }}
    >
      <Stack>
        {save.isError && <ProblemNote title="That was not saved" error={save.error} />}
        {known !== undefined && <Text>{known.email}</Text>}
        {known === undefined &&
          (me.isAdministrator ? (
            <Select
              label="User"
              withAsterisk
              searchable
              data={users.data?.map(({ id, email }) => ({ value: id, label: email })) ?? []}
              value={userId === "" ? null : userId}
              onChange={id => setUserId(id ?? "")}
            />
          ) : (
            <TextInput
              label="Id of the user"
              description="An administrator tells it: only they see all users."
              withAsterisk
              value={userId}
              onChange={event => setUserId(event.currentTarget.value)}
            />
          ))}
        <Select
          label="Role"
          allowDeselect={false}
          data={roles}
          value={role}
          onChange={value => value !== null && setRole(value)}
        />
        {isLimitable(role) && (
          <ApplicationsLimit tenantId={tenantId} value={applicationIds} onChange={setApplicationIds} />
        )}
        <FormActions submit="Save" isPending={save.isPending} onCancel={onEnd} isDisabled={userId.trim() === ""} />
      </Stack>
    </form>
  );
}
