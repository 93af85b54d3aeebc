import { Fieldset, MultiSelect, NumberInput, Select, Stack, TagsInput, Textarea, TextInput } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { dataOf, type Schemas } from "../../../../../client/client.ts";
import type { Members } from "../../api/members.ts";
import { api, faultPathsOf } from "../../api/queries.ts";
import { FormGroup } from "../../parts/form.tsx";
import { FormEnd } from "../../parts/form-end.tsx";
import { PairsInput } from "../../parts/form-pairs.tsx";
import { fieldsOf } from "./schema.ts";
import { faultsBelow, SchemaFields } from "./schema-fields.tsx";

export type Integration = Schemas["Integration"];
type Filter = Integration["filter"];

const eventKinds = ["up", "join", "ack", "txack", "log", "status", "location"] as const;
const isEventKind = (text: string): text is Filter["events"][number] => eventKinds.some(kind => kind === text);

/** Everything of an integration that can be changed. */
export interface IntegrationForm {
  readonly name: string;
  readonly description: string;
  readonly mode: Integration["mode"];
  readonly format: Integration["format"];
  readonly mapping: string;
  readonly settings: Members;
  readonly secrets: Members;
  readonly filter: Filter;
  readonly limits: Integration["limits"];
}

export const blankForm: IntegrationForm = {
  name: "",
  description: "",
  mode: "active",
  format: "chirpstack",
  mapping: "",
  settings: {},
  secrets: {},
  filter: { events: [], fPorts: [], tags: {} },
  limits: { maxMessages: 100_000, maxMegabytes: 500, maxAgeHours: 168, onOverflow: "dead-letter", maxAttempts: 20 },
};

export const kindsQuery = {
  queryKey: ["integrations", "kinds"],
  queryFn: async () => dataOf(await api.GET("/api/integrations/kinds")).items,
  staleTime: Number.POSITIVE_INFINITY,
};

interface IntegrationFieldsProps {
  readonly kind: string;
  readonly initial: IntegrationForm;
  /** Secrets that are set. */
  readonly kept?: readonly string[];
  readonly submit: string;
  readonly isWriter: boolean;
  readonly save: (form: IntegrationForm) => Promise<void>;
  readonly children?: ReactNode;
}

/** The form for an integration of one kind; its settings are what the kind itself says. */
export function IntegrationFields(props: IntegrationFieldsProps) {
  const { kind, initial, kept = [], submit, isWriter, save, children } = props;
  const [form, setForm] = useState(initial);
  const kinds = useQuery(kindsQuery);
  const saving = useMutation({ mutationFn: save });
  const description = kinds.data?.find(known => known.kind === kind);
  const faults = faultPathsOf(saving.error);
  const set = <Name extends keyof IntegrationForm>(name: Name, value: IntegrationForm[Name]): void =>
    setForm(known => ({ ...known, [name]: value }));
  const secretFields = fieldsOf(description?.secrets);
  return (
    <form
      noValidate
      onSubmit={event => {
        event.preventDefault();
        saving.mutate(form);
      }}
    >
      <Fieldset variant="unstyled" disabled={!isWriter}>
        <Stack gap="xl">
          <FormGroup title="Integration">
            <TextInput
              label="Name"
              withAsterisk
              value={form.name}
              error={faults.name}
              onChange={event => set("name", event.currentTarget.value)}
            />
            <Textarea
              label="Description"
              autosize
              value={form.description}
              onChange={event => set("description", event.currentTarget.value)}
            />
            {children}
            <Select
              label="Mode"
              description="active: events are sent; paused: they wait; off: none are taken."
              allowDeselect={false}
              data={["active", "paused", "off"]}
              value={form.mode}
              onChange={mode => mode !== null && set("mode", mode)}
            />
          </FormGroup>
          <FormGroup title={description?.title ?? kind} columns={1}>
            <SchemaFields
              fields={fieldsOf(description?.settings)}
              value={form.settings}
              onChange={settings => set("settings", settings)}
              faults={faultsBelow(faults, "settings")}
            />
          </FormGroup>
          {secretFields.length > 0 && (
            <FormGroup title="Secrets" about="They go in and never come out." columns={1}>
              <SchemaFields
                fields={secretFields}
                value={form.secrets}
                onChange={secrets => set("secrets", secrets)}
                faults={faultsBelow(faults, "secrets")}
                kept={kept}
              />
            </FormGroup>
          )}
          <MessageFields form={form} set={set} faults={faults} />
          <LimitFields form={form} set={set} faults={faults} />
          {isWriter && (
            <FormEnd
              submit={submit}
              isPending={saving.isPending}
              isDisabled={description === undefined}
              fault={saving.isError ? { title: "That was not saved", error: saving.error } : undefined}
            />
          )}
        </Stack>
      </Fieldset>
    </form>
  );
}

interface PartProps {
  readonly form: IntegrationForm;
  readonly set: <Name extends keyof IntegrationForm>(name: Name, value: IntegrationForm[Name]) => void;
  readonly faults: Readonly<Record<string, string>>;
}

function MessageFields({ form, set, faults }: PartProps) {
  const { filter } = form;
  return (
    <FormGroup title="What is sent" about="What is left empty lets everything through.">
      <MultiSelect
        label="Events"
        placeholder={filter.events.length === 0 ? "all" : ""}
        data={[...eventKinds]}
        value={[...filter.events]}
        onChange={events => set("filter", { ...filter, events: events.filter(isEventKind) })}
      />
      <TagsInput
        label="Ports of uplinks"
        placeholder={filter.fPorts.length === 0 ? "all" : ""}
        error={faults["filter/fPorts"]}
        value={filter.fPorts.map(String)}
        onChange={ports =>
          set("filter", { ...filter, fPorts: ports.map(Number).filter(port => port >= 0 && port <= 255) })
        }
      />
      <PairsInput
        label="Tags that a device must have"
        value={filter.tags}
        onChange={tags => set("filter", { ...filter, tags })}
      />
      <Select
        label="Format"
        allowDeselect={false}
        data={["chirpstack", "ttn-v3"]}
        value={form.format}
        onChange={format => format !== null && set("format", format)}
      />
      <Textarea
        label="Mapping"
        description="JMESPath expression that makes the message of the event; empty: the event as it is."
        autosize
        className="mono"
        value={form.mapping}
        error={faults.mapping}
        onChange={event => set("mapping", event.currentTarget.value)}
      />
    </FormGroup>
  );
}

function LimitFields({ form: { limits }, set, faults }: PartProps) {
  const number = (name: "maxMessages" | "maxMegabytes" | "maxAgeHours" | "maxAttempts") => ({
    min: 1,
    thousandSeparator: ",",
    value: limits[name],
    error: faults[`limits/${name}`],
    onChange: (value: string | number) => set("limits", { ...limits, [name]: Number(value) }),
  });
  return (
    <FormGroup
      title="While the receiver is away"
      about="Messages wait, in the order of each device, within these limits."
    >
      <NumberInput label="Messages" {...number("maxMessages")} />
      <NumberInput label="Size" suffix=" MB" {...number("maxMegabytes")} />
      <NumberInput label="Age" suffix=" hours" {...number("maxAgeHours")} />
      <Select
        label="The oldest beyond them"
        allowDeselect={false}
        data={[
          { value: "dead-letter", label: "become dead letters" },
          { value: "drop", label: "are dropped" },
        ]}
        value={limits.onOverflow}
        onChange={onOverflow => onOverflow !== null && set("limits", { ...limits, onOverflow })}
      />
      <NumberInput
        label="Attempts for one message"
        description="Failures after which it is a dead letter; a receiver that is away does not count."
        {...number("maxAttempts")}
      />
    </FormGroup>
  );
}
