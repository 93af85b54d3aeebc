import { Accordion, Badge, Fieldset, Group, Select, Skeleton, Stack, Switch, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { dataOf } from "../../../../../client/client.ts";
import { severityColors } from "../../api/alerts.ts";
import { api, done, faultsOf } from "../../api/queries.ts";
import { ConfirmButton } from "../../parts/confirm.tsx";
import { FormActions, FormGroup } from "../../parts/form.tsx";
import { OptionalNumber } from "../../parts/form-numbers.tsx";
import { fineNumber } from "../../parts/numbers.ts";
import { ProblemNote } from "../../parts/problem.tsx";

interface AlertRulesProps {
  readonly tenantId: string;
  readonly isGovernor: boolean;
}

const readRules = async (tenantId: string) =>
  dataOf(await api.GET("/api/tenants/{tenantId}/alert-rules", { params: { path: { tenantId } } })).items;
type Rule = Awaited<ReturnType<typeof readRules>>[number];

/** What alerts a tenant, from when on, and for how long. */
export function AlertRules({ tenantId, isGovernor }: AlertRulesProps) {
  const [open, setOpen] = useState<string | null>(null);
  const rules = useQuery({ queryKey: ["tenants", tenantId, "alert-rules"], queryFn: () => readRules(tenantId) });
  if (rules.isError) return <ProblemNote error={rules.error} onRetry={() => void rules.refetch()} />;
  if (rules.isPending) return <Skeleton h={300} />;
  return (
    <Stack maw={860}>
      <Text size="sm" c="dimmed">
        An alert is raised when its value has been at the threshold or beyond for as long as the rule says, and clears
        by itself. Changes are in force within ten seconds.
      </Text>
      <Accordion variant="contained" order={2} value={open} onChange={setOpen}>
        {rules.data.map(rule => (
          <Accordion.Item key={rule.kind} value={rule.kind}>
            <Accordion.Control>
              <RuleTitle rule={rule} />
            </Accordion.Control>
            <Accordion.Panel>
              {open === rule.kind && (
                <RuleForm key={JSON.stringify(rule)} rule={rule} tenantId={tenantId} isGovernor={isGovernor} />
              )}
            </Accordion.Panel>
          </Accordion.Item>
        ))}
      </Accordion>
    </Stack>
  );
}

function RuleTitle({ rule: { title, isEnabled, severity, raise, measures, isChanged } }: { readonly rule: Rule }) {
  return (
    <Group gap="xs" justify="space-between" wrap="nowrap" pe="xs">
      <div>
        <Text fw={600} size="sm">
          {title}
        </Text>
        <Text size="xs" c="dimmed">
          raised at {fineNumber(raise)} ({measures})
        </Text>
      </div>
      <Group gap="xs" justify="flex-end" style={{ flexShrink: 0 }}>
        {isChanged && (
          <Badge variant="outline" color="gray">
            changed
          </Badge>
        )}
        <Badge color={isEnabled ? severityColors[severity] : "gray"}>{isEnabled ? severity : "off"}</Badge>
      </Group>
    </Group>
  );
}

type NumberName = "raise" | "clear" | "raiseAfterSeconds" | "clearAfterSeconds" | "windowMinutes";
interface NumberField {
  readonly name: NumberName;
  readonly label: string;
  readonly suffix?: string;
  readonly description: string;
}

const fieldsOf = ({ measures, isLow, counts }: Rule): readonly NumberField[] => [
  {
    name: "raise",
    label: "Raised at",
    description: `The value from which on ${isLow ? "down " : ""}an alert is raised. The value is: ${measures}.`,
  },
  {
    name: "clear",
    label: "Cleared at",
    description: `The value at which it may be over${isLow ? ", or above" : ", or below"}. Between the two it stays as it is.`,
  },
  {
    name: "raiseAfterSeconds",
    label: "Raised after",
    suffix: " s",
    description: "For how long the value has to be at the first, or beyond, before an alert is raised.",
  },
  {
    name: "clearAfterSeconds",
    label: "Cleared after",
    suffix: " s",
    description: "For how long the value has to be back at the second before the alert is over.",
  },
  ...(counts
    ? ([
        { name: "windowMinutes", label: "Counted over", suffix: " min", description: "How long something counts." },
      ] as const)
    : []),
];

const severities: readonly Rule["severity"][] = ["info", "warning", "critical"];
type Change = Partial<Pick<Rule, NumberName | "isEnabled" | "severity">>;

interface RuleFormProps extends AlertRulesProps {
  readonly rule: Rule;
}

function RuleForm({ rule, tenantId, isGovernor }: RuleFormProps) {
  const queries = useQueryClient();
  const [change, setChange] = useState<Change>({});
  const params = { path: { tenantId, kind: rule.kind } };
  const refresh = () => queries.invalidateQueries({ queryKey: ["tenants", tenantId, "alert-rules"] });
  const save = useMutation({
    mutationFn: async () =>
      dataOf(await api.PATCH("/api/tenants/{tenantId}/alert-rules/{kind}", { params, body: change })),
    onSuccess: async () => {
      notifications.show({ message: "Saved", color: "teal" });
      await refresh();
    },
  });
  const { isEnabled, severity } = { ...rule, ...change };
  const faults = faultsOf(save.error);
  const setNumber = (name: NumberName, value: number | undefined): void => {
    const { [name]: _before, ...rest } = change;
    setChange(value === undefined ? rest : { ...rest, [name]: value });
  };
  return (
    <form
      noValidate
      onSubmit={event => {
        event.preventDefault();
        save.mutate();
      }}
    >
      <Stack>
        <Fieldset variant="unstyled" disabled={!isGovernor}>
          <Stack>
            {save.isError && <ProblemNote title="That was not saved" error={save.error} />}
            <Switch
              label="Watched"
              description="Turned off, nothing is raised, and what was raised clears."
              checked={isEnabled}
              onChange={event => setChange({ ...change, isEnabled: event.currentTarget.checked })}
            />
            <FormGroup title="When and for how long" about={rule.whatToDo.replaceAll("`", "")}>
              {fieldsOf(rule).map(({ name, ...field }) => (
                <OptionalNumber
                  key={name}
                  {...field}
                  placeholder={`${rule[name]}${field.suffix ?? ""}`}
                  min={0}
                  error={faults[name]}
                  value={name in change ? change[name] : rule[name]}
                  onChange={value => setNumber(name, value)}
                />
              ))}
              <Select
                label="Severity"
                description="How bad it is; integrations can tell by it whom to wake."
                allowDeselect={false}
                data={[...severities]}
                value={severity}
                onChange={chosen => chosen !== null && setChange({ ...change, severity: chosen })}
              />
            </FormGroup>
          </Stack>
        </Fieldset>
        {isGovernor && (
          <Group justify="flex-end">
            {rule.isChanged && (
              <ConfirmButton
                label="Reset to default"
                title={`Reset the rule “${rule.title}”?`}
                yes="Reset"
                action={async () => {
                  done(await api.DELETE("/api/tenants/{tenantId}/alert-rules/{kind}", { params }));
                  await refresh();
                }}
              >
                It is again as in a new tenant.
              </ConfirmButton>
            )}
            <FormActions submit="Save" isPending={save.isPending} isDisabled={Object.keys(change).length === 0} />
          </Group>
        )}
      </Stack>
    </form>
  );
}
