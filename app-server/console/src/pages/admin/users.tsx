import { Badge, Group, PasswordInput, Stack, Switch, Textarea, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { notifications } from "@mantine/notifications";
import { IconPlus, IconUsers } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { dataOf, type Schemas } from "../../../../../client/client.ts";
import { api, done, faultsOf } from "../../api/queries.ts";
import { useMe } from "../../api/session.ts";
import { ConfirmButton } from "../../parts/confirm.tsx";
import { Copyable } from "../../parts/copyable.tsx";
import { Empty } from "../../parts/empty.tsx";
import { type Column, EndlessTable } from "../../parts/endless-table.tsx";
import { FormActions, FormButton, FormLink } from "../../parts/form.tsx";
import { PageHeader } from "../../parts/page-header.tsx";
import { ProblemNote } from "../../parts/problem.tsx";
import { isUsualSort } from "../../parts/sorts.ts";
import { TimeAgo } from "../../parts/time-ago.tsx";
import { UserLogins } from "./user-logins.tsx";

type User = Schemas["User"];

const columns: readonly Column<User>[] = [
  {
    title: "Email",
    sortsBy: "name",
    render: user => (
      <FormLink label={user.email} wide>
        {close => <UserPanel user={user} onEnd={close} />}
      </FormLink>
    ),
  },
  {
    title: "State",
    width: 180,
    visibleFrom: "xs",
    render: ({ isAdministrator, isActive }) => (
      <Group gap={6} wrap="nowrap">
        {isAdministrator && <Badge>administrator</Badge>}
        {!isActive && <Badge color="gray">locked</Badge>}
      </Group>
    ),
  },
  { title: "Note", visibleFrom: "md", render: ({ note }) => note },
  {
    title: "Added",
    width: 150,
    sortsBy: "createdAt",
    visibleFrom: "xs",
    render: ({ createdAt }) => <TimeAgo time={createdAt} />,
  },
];

export function UserList() {
  const me = useMe();
  return (
    <>
      <PageHeader
        title="Users"
        actions={
          me.isAdministrator &&
          !me.isReadOnly && (
            <FormButton label="Add user" leftSection={<IconPlus size={16} />}>
              {close => <UserForm onEnd={close} />}
            </FormButton>
          )
        }
      >
        What they may do in a tenant is given there.
      </PageHeader>
      <EndlessTable
        label="Users"
        queryKey={["users", "list"]}
        read={async query => dataOf(await api.GET("/api/users", { params: { query } }))}
        columns={columns}
        keyOf={({ id }) => id}
        isSort={isUsualSort}
        sort="name"
        searchHint="Email"
        empty={<Empty icon={IconUsers} title="No users" />}
      />
    </>
  );
}

interface UserFields {
  readonly email: string;
  readonly password: string;
  readonly isAdministrator: boolean;
  readonly isActive: boolean;
  readonly note: string;
}

interface UserFormProps {
  /** One that is there already. */
  readonly user?: User;
  readonly onEnd: () => void;
}

function UserForm({ user, onEnd }: UserFormProps) {
  const queries = useQueryClient();
  const { email = "", isAdministrator = false, isActive = true, note = "" } = user ?? {};
  const form = useForm<UserFields>({
    initialValues: { email, password: "", isAdministrator, isActive, note },
    validate: {
      email: value => (/^\S+@\S+$/.test(value) ? null : "An email address."),
      password: value =>
        (user !== undefined && value === "") || value.length >= 10 ? null : "10 characters at least.",
    },
  });
  const save = useMutation({
    mutationFn: async ({ password, ...rest }: UserFields) => {
      const body = { ...rest, ...(password !== "" && { password }) };
      if (user === undefined) dataOf(await api.POST("/api/users", { body: { ...body, password } }));
      else dataOf(await api.PATCH("/api/users/{userId}", { params: { path: { userId: user.id } }, body }));
    },
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["users"] });
      onEnd();
    },
    onError: error => form.setErrors(faultsOf(error)),
  });
  return (
    <form noValidate onSubmit={form.onSubmit(values => save.mutate(values))}>
      <Stack>
        {save.isError && <ProblemNote title="That was not saved" error={save.error} />}
        <TextInput label="Email" type="email" withAsterisk autoComplete="off" {...form.getInputProps("email")} />
        <PasswordInput
          label={user === undefined ? "Password" : "New password"}
          description={user === undefined ? "10 characters at least." : "Empty: it stays as it is."}
          withAsterisk={user === undefined}
          autoComplete="new-password"
          {...form.getInputProps("password")}
        />
        <Switch
          label="Administrator"
          description="Governs the installation, every tenant and all that is in them."
          {...form.getInputProps("isAdministrator", { type: "checkbox" })}
        />
        <Switch
          label="May log in"
          description="Without it every login and request is refused."
          {...form.getInputProps("isActive", { type: "checkbox" })}
        />
        <Textarea label="Note" autosize {...form.getInputProps("note")} />
        <FormActions submit={user === undefined ? "Add" : "Save"} isPending={save.isPending} onCancel={onEnd} />
      </Stack>
    </form>
  );
}

/** One user: what can be changed, where they are logged in, and the end of it. */
function UserPanel({ user, onEnd }: { readonly user: User; readonly onEnd: () => void }) {
  const queries = useQueryClient();
  const params = { path: { userId: user.id } };
  return (
    <Stack gap="lg">
      <Copyable value={user.id} label="Id" />
      <UserForm user={user} onEnd={onEnd} />
      <UserLogins userId={user.id} />
      <Group>
        <ConfirmButton
          label="Remove second factor"
          title="Remove the second factor?"
          yes="Remove"
          button={{ size: "xs" }}
          action={async () => done(await api.DELETE("/api/users/{userId}/second-factor", { params }))}
          onDone={() => notifications.show({ message: "The password alone lets them in.", color: "teal" })}
        >
          For who has lost telephone and recovery codes: the password alone lets them in then.
        </ConfirmButton>
        <ConfirmButton
          label="Delete user"
          title={`Delete ${user.email}?`}
          yes="Delete"
          button={{ size: "xs" }}
          action={async () => done(await api.DELETE("/api/users/{userId}", { params }))}
          onDone={() => {
            void queries.invalidateQueries({ queryKey: ["users"] });
            onEnd();
          }}
        >
          MQTT logins and API keys that the user made stay.
        </ConfirmButton>
      </Group>
    </Stack>
  );
}
