import { Alert, Badge, Group, PasswordInput, Skeleton, Stack, Text, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { dataOf } from "../../../../../client/client.ts";
import { api, done, faultsOf } from "../../api/queries.ts";
import { Copyable } from "../../parts/copyable.tsx";
import { FormActions, FormButton } from "../../parts/form.tsx";
import { TextView } from "../../parts/json-view.tsx";
import { Panel } from "../../parts/panel.tsx";
import { ProblemNote } from "../../parts/problem.tsx";

/** Codes of an authenticator program beside the password. */
export function SecondFactor() {
  const state = useQuery({
    queryKey: ["me", "second-factor"],
    queryFn: async () => dataOf(await api.GET("/api/me/second-factor")),
  });
  return (
    <Panel title="Second factor">
      {state.isError && <ProblemNote error={state.error} onRetry={() => void state.refetch()} />}
      {state.isPending && <Skeleton h={40} />}
      {state.data !== undefined && (
        <Group justify="space-between">
          <Text size="sm">
            {state.data.isOn ? (
              <>
                <Badge color="teal">on</Badge> {state.data.recoveryCodesLeft} recovery codes left.
              </>
            ) : (
              "Off. With it a login needs a code of your telephone beside the password."
            )}
          </Text>
          {state.data.isOn ? (
            <FormButton key="off" label="Turn off" variant="default">
              {close => <TurnOff onEnd={close} />}
            </FormButton>
          ) : (
            <FormButton key="on" label="Turn on">
              {close => <TurnOn onEnd={close} />}
            </FormButton>
          )}
        </Group>
      )}
    </Panel>
  );
}

function TurnOn({ onEnd }: { readonly onEnd: () => void }) {
  const queries = useQueryClient();
  const form = useForm({ initialValues: { currentPassword: "", code: "" } });
  const begin = useMutation({
    mutationFn: async (currentPassword: string) =>
      dataOf(await api.POST("/api/me/second-factor", { body: { currentPassword } })),
    onError: error => form.setErrors(faultsOf(error)),
  });
  const confirm = useMutation({
    mutationFn: async (code: string) =>
      dataOf(await api.POST("/api/me/second-factor/confirmation", { body: { code } })),
    onError: error => form.setErrors(faultsOf(error)),
  });
  if (confirm.data !== undefined) {
    const end = (): void => {
      void queries.invalidateQueries({ queryKey: ["me", "second-factor"] });
      onEnd();
    };
    return (
      <form
        onSubmit={event => {
          event.preventDefault();
          end();
        }}
      >
        <Stack>
          <Alert color="orange" title="Keep these codes">
            Each does once in place of a code, when the telephone is lost. They are shown this once.
          </Alert>
          <TextView label="Recovery codes" text={confirm.data.recoveryCodes.join("\n")} />
          <FormActions submit="I have them" isPending={false} />
        </Stack>
      </form>
    );
  }
  if (begin.data === undefined) {
    return (
      <form onSubmit={form.onSubmit(({ currentPassword }) => begin.mutate(currentPassword))}>
        <Stack>
          <PasswordInput
            label="Current password"
            autoComplete="current-password"
            data-autofocus
            {...form.getInputProps("currentPassword")}
          />
          <FormActions submit="Go on" isPending={begin.isPending} onCancel={onEnd} />
        </Stack>
      </form>
    );
  }
  return (
    <form onSubmit={form.onSubmit(({ code }) => confirm.mutate(code.trim()))}>
      <Stack>
        <Text size="sm">
          Enter this key in your authenticator program (time based, six digits), or open{" "}
          <a href={begin.data.uri}>this link</a> on the telephone that has it:
        </Text>
        <Copyable value={begin.data.secret} label="key" />
        <TextInput
          label="Code that it shows"
          inputMode="numeric"
          autoComplete="one-time-code"
          data-autofocus
          {...form.getInputProps("code")}
        />
        <FormActions submit="Turn on" isPending={confirm.isPending} onCancel={onEnd} />
      </Stack>
    </form>
  );
}

function TurnOff({ onEnd }: { readonly onEnd: () => void }) {
  const queries = useQueryClient();
  const form = useForm({ initialValues: { currentPassword: "", code: "" } });
  const remove = useMutation({
    mutationFn: async (body: { currentPassword: string; code: string }) =>
      done(await api.POST("/api/me/second-factor/removal", { body })),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["me", "second-factor"] });
      onEnd();
    },
    onError: error => form.setErrors(faultsOf(error)),
  });
  return (
    <form onSubmit={form.onSubmit(values => remove.mutate(values))}>
      <Stack>
        {remove.isError && <ProblemNote title="It stays on" error={remove.error} />}
        <PasswordInput label="Current password" {...form.getInputProps("currentPassword")} />
        <TextInput label="Code, or a recovery code" autoComplete="one-time-code" {...form.getInputProps("code")} />
        <FormActions submit="Turn off" isPending={remove.isPending} onCancel={onEnd} />
      </Stack>
    </form>
  );
}
