import { Stack, Text, Textarea } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { dataOf } from "../../../../../client/client.ts";
import type { Alert } from "../../api/alerts.ts";
import { api, faultsOf } from "../../api/queries.ts";
import { FormActions } from "../../parts/form.tsx";
import { ProblemNote } from "../../parts/problem.tsx";

interface AcknowledgeFormProps {
  readonly alert: Alert;
  readonly close: () => void;
}

/** Tells the others that somebody looks after an alert. */
export function AcknowledgeForm({ alert, close }: AcknowledgeFormProps) {
  const queries = useQueryClient();
  const [note, setNote] = useState("");
  const acknowledge = useMutation({
    mutationFn: async () =>
      dataOf(
        await api.POST("/api/alerts/{alertId}/acknowledge", {
          params: { path: { alertId: alert.id } },
          body: { note: note.trim() },
        }),
      ),
    onSuccess: () => {
      notifications.show({ message: "Acknowledged", color: "teal" });
      close();
    },
    // Refused, it is over or somebody else's: the list is as good as old then too.
    onSettled: () => queries.invalidateQueries({ queryKey: ["alerts"] }),
  });
  return (
    <form
      noValidate
      onSubmit={event => {
        event.preventDefault();
        acknowledge.mutate();
      }}
    >
      <Stack>
        <Text size="sm">
          The others see that you look after {alert.subject.name === "" ? alert.subject.id : alert.subject.name}. The
          alert clears by itself when all is well.
        </Text>
        <Textarea
          label="Note"
          description="What you found, or what you will do."
          autosize
          minRows={2}
          maxLength={1000}
          data-autofocus
          value={note}
          error={faultsOf(acknowledge.error).note}
          onChange={event => setNote(event.currentTarget.value)}
        />
        {acknowledge.isError && <ProblemNote title="That was not done" error={acknowledge.error} />}
        <FormActions submit="Look after it" isPending={acknowledge.isPending} onCancel={close} />
      </Stack>
    </form>
  );
}
