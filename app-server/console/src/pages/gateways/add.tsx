import { Button, Group, Select, Stack, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useDisclosure } from "@mantine/hooks";
import { IconPlus } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect } from "react";
import { dataOf, type Schemas } from "../../../../../client/client.ts";
import { api, faultsOf } from "../../api/queries.ts";
import { Dialog } from "../../parts/dialog.tsx";
import { ProblemNote } from "../../parts/problem.tsx";

interface GatewayForm {
  readonly tenantId: string;
  readonly gatewayId: string;
  readonly name: string;
}

const euiPattern = /^([0-9a-f]{2}[-:]?){7}[0-9a-f]{2}$/i;

/** Button and form for a new gateway. */
export function AddGateway({ tenantId = "" }: { readonly tenantId?: string | undefined }) {
  const [isOpen, { open, close }] = useDisclosure(false);
  return (
    <>
      <Button leftSection={<IconPlus size={16} />} aria-haspopup="dialog" onClick={open}>
        Add gateway
      </Button>
      <Dialog opened={isOpen} onClose={close} title="Add gateway">
        <GatewayFields tenantId={tenantId} onEnd={close} />
      </Dialog>
    </>
  );
}

export interface GatewayFieldsProps {
  readonly tenantId: string;
  /** Of one that was heard already. */
  readonly gatewayId?: string;
  readonly location?: Schemas["Gateway"]["location"];
  readonly onEnd: () => void;
}

/** The form for a new gateway. */
export function GatewayFields({ tenantId, gatewayId: heard = "", location = null, onEnd }: GatewayFieldsProps) {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const tenants = useQuery({
    queryKey: ["tenants", "choice"],
    queryFn: async () => dataOf(await api.GET("/api/tenants", { params: { query: { limit: 1000 } } })).items,
  });
  const form = useForm<GatewayForm>({
    initialValues: { tenantId, gatewayId: heard, name: "" },
    validate: {
      tenantId: value => (value === "" ? "Choose whose gateway it is." : null),
      gatewayId: value => (euiPattern.test(value.trim()) ? null : "16 hexadecimal digits, as on the gateway's label."),
      name: value => (value.trim() === "" ? "Give it a name." : null),
    },
  });
  const only = tenants.data?.length === 1 ? tenants.data[0]?.id : undefined;
  const { setFieldValue } = form;
  useEffect(() => {
    if (only !== undefined) setFieldValue("tenantId", only);
  }, [only, setFieldValue]);
  const add = useMutation({
    mutationFn: async (body: GatewayForm) => dataOf(await api.POST("/api/gateways", { body: { ...body, location } })),
    onSuccess: async ({ gatewayId }) => {
      await queries.invalidateQueries({ queryKey: ["gateways"] });
      onEnd();
      await navigate({ to: "/gateways/$gatewayId", params: { gatewayId } });
    },
    onError: error => form.setErrors(faultsOf(error)),
  });
  return (
    <form noValidate onSubmit={form.onSubmit(values => add.mutate({ ...values, gatewayId: values.gatewayId.trim() }))}>
      <Stack>
        {add.isError && <ProblemNote title="The gateway was not added" error={add.error} />}
        <Select
          label="Tenant"
          withAsterisk
          searchable
          allowDeselect={false}
          data={tenants.data?.map(({ id, name }) => ({ value: id, label: name })) ?? []}
          {...form.getInputProps("tenantId")}
        />
        <TextInput
          label="EUI"
          withAsterisk
          placeholder="0016c001f1000001"
          readOnly={heard !== ""}
          {...form.getInputProps("gatewayId")}
        />
        <TextInput label="Name" withAsterisk {...form.getInputProps("name")} />
        <Group justify="flex-end">
          <Button variant="default" onClick={onEnd}>
            Cancel
          </Button>
          <Button type="submit" loading={add.isPending}>
            Add
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
