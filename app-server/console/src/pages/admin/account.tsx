import { Alert, Badge, Button, Group, PasswordInput, Skeleton, Stack, Text, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { notifications } from "@mantine/notifications";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { dataOf } from "../../../../../client/client.ts";
import { api, done, faultsOf, textOf } from "../../api/queries.ts";
import { useMe } from "../../api/session.ts";
import { FormActions } from "../../parts/form.tsx";
import { counted } from "../../parts/numbers.ts";
import { PageHeader } from "../../parts/page-header.tsx";
import { Panel } from "../../parts/panel.tsx";
import { ProblemNote } from "../../parts/problem.tsx";
import { LoginTable } from "./login-table.tsx";
import { SecondFactor } from "./second-factor.tsx";

/** What users do about their own login. */
export function AccountPage() {
  const me = useMe();
  return (
    <>
      <PageHeader title="Your account">{me.name}</PageHeader>
      {me.kind === "user" ? (
        <Stack maw={760}>
          <Roles />
          <OwnLogins />
          <SecondFactor />
          <NewPassword />
        </Stack>
      ) : (
        <Alert color="blue">You are known by a token of somebody else's: there is nothing to change here.</Alert>
      )}
    </>
  );
}

function Roles() {
  const { isAdministrator, memberships } = useMe();
  return (
    <Panel title="Roles">
      <Stack gap="xs">
        {isAdministrator && <Text size="sm">You are an administrator of the installation.</Text>}
        {memberships.map(({ tenantId, tenantName, role, applicationIds }) => (
          <Group key={tenantId} gap="xs">
            <Badge>{role}</Badge>
            <Text size="sm">
              {tenantName}
              {applicationIds !== null && `, ${counted(applicationIds.length, "application")}`}
            </Text>
          </Group>
        ))}
        {!isAdministrator && memberships.length === 0 && <Text size="sm">You have no role in any tenant yet.</Text>}
      </Stack>
    </Panel>
  );
}

function OwnLogins() {
  const queries = useQueryClient();
  const logins = useQuery({
    queryKey: ["me", "sessions"],
    queryFn: async () => dataOf(await api.GET("/api/me/sessions")).items,
  });
  const end = useMutation({
    mutationFn: async (sessionId: string) =>
      done(await api.DELETE("/api/me/sessions/{sessionId}", { params: { path: { sessionId } } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["me", "sessions"] }),
    onError: error => notifications.show({ message: textOf(error), color: "red" }),
  });
  return (
    <Panel title="Logins">
      {logins.isError && <ProblemNote error={logins.error} onRetry={() => void logins.refetch()} />}
      {logins.isPending && <Skeleton h={100} />}
      {logins.data !== undefined && (
        <LoginTable
          logins={logins.data}
          action={login =>
            login.isCurrent ? null : (
              <Button size="xs" variant="default" onClick={() => end.mutate(login.id)}>
                End
              </Button>
            )
          }
        />
      )}
    </Panel>
  );
}

const blank = { currentPassword: "", newPassword: "", again: "" };

function NewPassword() {
  const { name } = useMe();
  const form = useForm({
    initialValues: blank,
    validate: {
      newPassword: value => (value.length >= 10 ? null : "10 characters at least."),
      again: (value, { newPassword }) => (value === newPassword ? null : "This is another one."),
    },
  });
  const change = useMutation({
    mutationFn: async ({ currentPassword, newPassword }: typeof blank) =>
      done(await api.PUT("/api/me/password", { body: { currentPassword, newPassword } })),
    // It ends every login, this one too.
    onSuccess: () => location.assign("/console/login"),
    onError: error => form.setErrors(faultsOf(error)),
  });
  return (
    <Panel title="Password">
      <form noValidate onSubmit={form.onSubmit(values => change.mutate(values))}>
        <Stack maw={420}>
          {change.isError && <ProblemNote title="It was not changed" error={change.error} />}
          <TextInput type="email" autoComplete="username" value={name} readOnly label="Email" />
          <PasswordInput
            label="Current password"
            autoComplete="current-password"
            {...form.getInputProps("currentPassword")}
          />
          <PasswordInput
            label="New password"
            autoComplete="new-password"
            description="10 characters at least. It ends all of your logins."
            {...form.getInputProps("newPassword")}
          />
          <PasswordInput label="New password again" autoComplete="new-password" {...form.getInputProps("again")} />
          <FormActions submit="Change password" isPending={change.isPending} />
        </Stack>
      </form>
    </Panel>
  );
}
