import { Alert, Button, Center, Paper, PasswordInput, Stack, Text, TextInput, Title } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { ApiProblem, dataOf } from "../../../../client/client.ts";
import { api, textOf } from "../api/queries.ts";

interface LoginForm {
  readonly email: string;
  readonly password: string;
  readonly code: string;
}

const needsCode = (error: unknown): boolean =>
  error instanceof ApiProblem && error.problem.code.startsWith("second_factor");

export function LoginPage() {
  const { next } = useSearch({ from: "/login" });
  const queries = useQueryClient();
  const navigate = useNavigate();
  const form = useForm<LoginForm>({ initialValues: { email: "", password: "", code: "" } });
  const login = useMutation({
    mutationFn: async ({ email, password, code }: LoginForm) =>
      dataOf(await api.POST("/api/login", { body: { email, password, ...(code !== "" && { code }) } })),
    onSuccess: async () => {
      queries.clear();
      await navigate({ href: next ?? "/", replace: true });
    },
  });
  const asksForCode = needsCode(login.error);
  return (
    <Center mih="100vh" p="md" component="main">
      <Paper withBorder p="xl" w={380} maw="100%">
        <form onSubmit={form.onSubmit(values => login.mutate(values))}>
          <Stack>
            <Stack gap={4} align="center">
              <img src="/console/icon.svg" alt="" width={48} height={48} />
              <Title order={1} size="h3">
                Upchirp
              </Title>
              <Text c="dimmed" size="sm">
                LoRaWAN network server
              </Text>
            </Stack>
            {login.error !== null && (
              <Alert color={asksForCode ? "blue" : "red"} role="alert">
                {textOf(login.error)}
              </Alert>
            )}
            <TextInput
              label="Email"
              type="email"
              autoComplete="username"
              required
              autoFocus
              {...form.getInputProps("email")}
            />
            <PasswordInput
              label="Password"
              autoComplete="current-password"
              required
              {...form.getInputProps("password")}
            />
            {(asksForCode || form.values.code !== "") && (
              <TextInput
                label="Code of your second factor"
                description="Six digits, or a recovery code"
                autoComplete="one-time-code"
                inputMode="numeric"
                {...form.getInputProps("code")}
              />
            )}
            <Button type="submit" loading={login.isPending}>
              Log in
            </Button>
          </Stack>
        </form>
      </Paper>
    </Center>
  );
}
