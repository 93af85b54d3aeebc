import { Button, Select, Stack, Stepper, Text } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { useNavigate, useSearch } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { PageLink } from "../../parts/links.tsx";
import { PageHeader } from "../../parts/page-header.tsx";
import { useUsualTenant } from "../../parts/record-select.tsx";
import { useTenantId } from "../../shell/tenant.ts";
import { regionPlaces, regions } from "../device-profiles/choices.ts";
import { DeviceStep } from "./device-step.tsx";
import { FirstUplink } from "./first-uplink.tsx";
import { GatewayStep } from "./gateway-step.tsx";
import { HeardStep } from "./heard-step.tsx";
import { ProfileStep } from "./profile-step.tsx";
import type { Progress } from "./steps.ts";
import { SubscribeStep } from "./subscribe-step.tsx";
import { StepEnd } from "./waiting.tsx";

const titles = ["Region", "Gateway", "First packet", "Profile", "Device", "First reading", "Program"];

/** From an empty server to a decoded reading. */
export function StartPage() {
  const progress = useSearch({ from: "/inside/start" });
  const navigate = useNavigate({ from: "/start" });
  const isNarrow = useMediaQuery("(max-width: 62em)");
  const tenantId = useUsualTenant(useTenantId());
  const { step = 0 } = progress;
  const go = (part: Progress): void => void navigate({ search: { ...progress, ...part } });
  return (
    <>
      <PageHeader title="First steps">From here to a reading of a device of yours, in about five minutes.</PageHeader>
      {isNarrow && (
        <Text fw={600} mb="xs">
          Step {step + 1} of {titles.length}: {titles[step]}
        </Text>
      )}
      <Stepper
        active={step}
        onStepClick={chosen => go({ step: chosen })}
        size="xs"
        iconSize={28}
        wrap={false}
        allowNextStepsSelect={false}
        {...(isNarrow && { styles: { separator: { marginInline: 2 } } })}
      >
        {titles.map((title, index) => (
          <Stepper.Step
            key={title}
            {...(isNarrow
              ? { "aria-label": `${index + 1}: ${title}`, styles: { stepBody: { display: "none" } } }
              : { label: title })}
          />
        ))}
      </Stepper>
      <Stack maw={820} mt="xl">
        <Step progress={progress} tenantId={tenantId} onGo={go} />
      </Stack>
    </>
  );
}

interface StepProps {
  readonly progress: Progress;
  readonly tenantId: string;
  readonly onGo: (part: Progress) => void;
}

/** A step for which something is missing leads back to the one that makes it. */
function Step({ progress, tenantId, onGo }: StepProps): ReactNode {
  const { step = 0, region, gateway, profile, application, device } = progress;
  if (step === 0 || region === undefined) return <RegionStep region={region} onGo={onGo} />;
  if (step === 1 || gateway === undefined) return <GatewayStep tenantId={tenantId} onGo={onGo} />;
  if (step === 2) return <HeardStep gatewayId={gateway} onGo={onGo} />;
  if (step === 3 || profile === undefined) return <ProfileStep tenantId={tenantId} region={region} onGo={onGo} />;
  if (step === 4 || device === undefined || application === undefined) {
    return <DeviceStep tenantId={tenantId} profileId={profile} applicationId={application} onGo={onGo} />;
  }
  if (step === 5) return <FirstUplink key={device} devEui={device} gatewayId={gateway} onGo={onGo} />;
  return <SubscribeStep applicationId={application} devEui={device} />;
}

function RegionStep({
  region = "EU868",
  onGo,
}: Pick<StepProps, "onGo"> & { readonly region: Progress["region"] | undefined }) {
  return (
    <>
      <Text>
        Which frequencies do your devices use? It is the country that decides, and it is on the device and on the
        gateway. The server speaks every region without being set up for it.
      </Text>
      <Select
        label="Region"
        description={regionPlaces[region]}
        searchable
        allowDeselect={false}
        w={{ base: "100%", xs: 320 }}
        data={[...regions]}
        value={region}
        onChange={value => onGo({ region: regions.find(known => known === value) ?? "EU868" })}
      />
      <StepEnd>
        <Button onClick={() => onGo({ region, step: 1 })}>Continue</Button>
        <PageLink to="/" size="sm">
          I know my way about
        </PageLink>
      </StepEnd>
    </>
  );
}
