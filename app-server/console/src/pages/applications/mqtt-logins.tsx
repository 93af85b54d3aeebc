import { Alert, Badge, Group, Skeleton, Stack, Switch, Table, Text, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { IconKey, IconPlus } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { dataOf } from "../../../../../client/client.ts";
import { api, done, faultsOf } from "../../api/queries.ts";
import { ConfirmButton } from "../../parts/confirm.tsx";
import { Copyable } from "../../parts/copyable.tsx";
import { Empty } from "../../parts/empty.tsx";
import { FormActions, FormButton } from "../../parts/form.tsx";
import { ProblemNote } from "../../parts/problem.tsx";
import { TimeAgo } from "../../parts/time-ago.tsx";

const keyOf = (applicationId: string) => ["mqtt-credentials", applicationId];

/** Who may subscribe to the application's events at the broker. */
export function MqttLogins({ applicationId }: { readonly applicationId: string }) {
  const path = { applicationId };
  const queries = useQueryClient();
  const logins = useQuery({
    queryKey: keyOf(applicationId),
    queryFn: async () =>
      dataOf(await api.GET("/api/applications/{applicationId}/mqtt-credentials", { params: { path } })).items,
  });
  if (logins.isError) return <ProblemNote error={logins.error} onRetry={() => void logins.refetch()} />;
  if (!logins.data) return <Skeleton h={120} />;
  return (
    <Stack>
      <Group justify="space-between">
        <Text size="sm" c="dimmed" maw={560}>
          With one of these a program connects to the MQTT broker inside, and sees this application alone.
        </Text>
        <FormButton label="Add login" title="Add MQTT login" leftSection={<IconPlus size={16} />}>
          {close => <AddLogin applicationId={applicationId} onEnd={close} />}
        </FormButton>
      </Group>
      {logins.data.length === 0 ? (
        <Empty icon={IconKey} title="No MQTT logins" />
      ) : (
        <Table.ScrollContainer minWidth={480}>
          <Table aria-label="MQTT logins" className="stacked">
            <Table.Tbody>
              {logins.data.map(({ username, isReadOnly, createdAt }) => (
                <Table.Tr key={username}>
                  <Table.Td>
                    <Copyable value={username} label="user name" />
                  </Table.Td>
                  <Table.Td>{isReadOnly && <Badge>reads only</Badge>}</Table.Td>
                  <Table.Td>
                    <TimeAgo time={createdAt} />
                  </Table.Td>
                  <Table.Td ta="right">
                    <ConfirmButton
                      label="Delete"
                      button={{ size: "xs" }}
                      title={`Delete ${username}?`}
                      yes="Delete"
                      action={async () =>
                        done(
                          await api.DELETE("/api/applications/{applicationId}/mqtt-credentials/{username}", {
                            params: { path: { applicationId, username } },
                          }),
                        )
                      }
                      onDone={() => void queries.invalidateQueries({ queryKey: keyOf(applicationId) })}
                    >
                      Whoever is connected with it is cut off.
                    </ConfirmButton>
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

interface AddLoginProps {
  readonly applicationId: string;
  readonly onEnd: () => void;
}

/** The password is made by the server and shown this once. */
function AddLogin({ applicationId, onEnd }: AddLoginProps) {
  const queries = useQueryClient();
  const form = useForm({ initialValues: { username: "", isReadOnly: true } });
  const add = useMutation({
    mutationFn: async ({ username, isReadOnly }: typeof form.values) =>
      dataOf(
        await api.POST("/api/applications/{applicationId}/mqtt-credentials", {
          params: { path: { applicationId } },
          body: { isReadOnly, ...(username.trim() !== "" && { username: username.trim() }) },
        }),
      ),
    onSuccess: () => queries.invalidateQueries({ queryKey: keyOf(applicationId) }),
    onError: error => form.setErrors(faultsOf(error)),
  });
  if (add.data !== undefined) return <NewLogin username={add.data.username} password={add.data.password ?? ""} />;
  return (
    <form noValidate onSubmit={form.onSubmit(values => add.mutate(values))}>
      <Stack>
        {add.isError && <ProblemNote title="The login was not added" error={add.error} />}
        <TextInput
          label="User name"
          description="Made up if you leave it empty."
          data-autofocus
          {...form.getInputProps("username")}
        />
        <Switch
          label="Only reads"
          description="It sends no downlinks."
          {...form.getInputProps("isReadOnly", { type: "checkbox" })}
        />
        <FormActions submit="Add" isPending={add.isPending} onCancel={onEnd} />
      </Stack>
    </form>
  );
}

function NewLogin({ username, password }: { readonly username: string; readonly password: string }) {
  return (
    <Stack>
      <Alert color="teal" role="status" title="Copy the password now">
        It is shown this once; only a hash of it is kept.
      </Alert>
      <div>
        User name <Copyable value={username} label="user name" />
      </div>
      <div>
        Password <Copyable value={password} label="password" />
      </div>
    </Stack>
  );
}
