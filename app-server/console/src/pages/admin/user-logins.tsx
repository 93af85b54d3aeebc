import { Group, Text, Title } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { dataOf } from "../../../../../client/client.ts";
import { api, done } from "../../api/queries.ts";
import { ConfirmButton } from "../../parts/confirm.tsx";
import { ProblemNote } from "../../parts/problem.tsx";
import { LoginTable } from "./login-table.tsx";

/** Where a user is logged in. */
export function UserLogins({ userId }: { readonly userId: string }) {
  const queries = useQueryClient();
  const params = { path: { userId } };
  const logins = useQuery({
    queryKey: ["users", userId, "sessions"],
    queryFn: async () => dataOf(await api.GET("/api/users/{userId}/sessions", { params })).items,
  });
  if (logins.isError) return <ProblemNote error={logins.error} onRetry={() => void logins.refetch()} />;
  return (
    <div>
      <Group justify="space-between" mb="xs">
        <Title order={3} size="h5">
          Logins
        </Title>
        {(logins.data?.length ?? 0) > 0 && (
          <ConfirmButton
            label="End all"
            title="End every login of this user?"
            yes="End"
            button={{ size: "xs" }}
            action={async () => {
              done(await api.DELETE("/api/users/{userId}/sessions", { params }));
              await queries.invalidateQueries({ queryKey: ["users", userId] });
            }}
          >
            They can log in again.
          </ConfirmButton>
        )}
      </Group>
      {logins.data?.length === 0 && (
        <Text size="sm" c="dimmed">
          Not logged in.
        </Text>
      )}
      {(logins.data?.length ?? 0) > 0 && <LoginTable logins={logins.data ?? []} />}
    </div>
  );
}
